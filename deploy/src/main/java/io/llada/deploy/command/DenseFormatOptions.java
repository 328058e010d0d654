package io.llada.deploy.command;

import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.WeightFormats;
import java.util.Optional;
import picocli.CommandLine.Option;

/// Formats of what is not a routed expert in a packed checkpoint.
final class DenseFormatOptions {
  /// Formats of matrices that every token uses.
  enum DenseFormat {
    BF16, INT8
  }

  @Option(names = "--dense", paramLabel = "FORMAT", description = "Format of attention, shared experts and dense layers: "
      + "bf16 or int8. Default: bf16.")
  private Optional<DenseFormat> dense = Optional.empty();

  @Option(names = "--head", paramLabel = "FORMAT", description = "Format of the LM head: bf16 or int8. Default: that of "
      + "--dense.")
  private Optional<DenseFormat> head = Optional.empty();

  boolean isGiven() {
    return dense.isPresent() || head.isPresent();
  }

  WeightFormats with(ExpertFormat experts) {
    DenseFormat ofDense = dense.orElse(DenseFormat.BF16);
    return new WeightFormats(WeightFormat.valueOf(experts.name()), WeightFormat.valueOf(ofDense.name()), WeightFormat
        .valueOf(head.orElse(ofDense).name()));
  }
}
