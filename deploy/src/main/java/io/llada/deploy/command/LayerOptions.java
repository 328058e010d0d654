package io.llada.deploy.command;

import io.llada.deploy.bench.ExpertShape;
import io.llada.model.kernel.WeightFormat;
import java.util.List;
import picocli.CommandLine.Option;

/// Which MoE layers are timed.
final class LayerOptions {
  @Option(names = "--shapes", paramLabel = "SHAPE", split = ",", defaultValue = "mini,flash", description = "Default: "
      + "${DEFAULT-VALUE}.")
  private List<ExpertShape> shapes = List.of();

  @Option(names = "--formats", paramLabel = "FORMAT", split = ",", defaultValue = "bf16,int8,int4", description = "Default: "
      + "${DEFAULT-VALUE}.")
  private List<WeightFormat> formats = List.of();

  List<ExpertShape> shapes() {
    return shapes;
  }

  List<WeightFormat> formats() {
    return formats;
  }
}
