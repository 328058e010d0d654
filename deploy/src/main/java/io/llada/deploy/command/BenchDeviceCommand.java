package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.bench.Conditions;
import io.llada.deploy.bench.DeviceBenchmark;
import io.llada.deploy.bench.DeviceBenchmark.Line;
import io.llada.deploy.bench.ExpertShape;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.kernel.opencl.DeviceBandwidth;
import io.llada.model.kernel.opencl.OpenClDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Times expert layers on an OpenCL device.
@Command(name = "device", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "One MoE layer of mini's and of flash's shape on an OpenCL device, beside the processor's vector units and a plain copy "
        + "of the device's memory; needs no model."})
final class BenchDeviceCommand implements Callable<Integer> {
  @Mixin
  private DeviceOption device;

  @Option(names = "--shapes", paramLabel = "SHAPE", split = ",", defaultValue = "mini,flash", description = "Default: "
      + "${DEFAULT-VALUE}.")
  private List<ExpertShape> shapes = List.of();

  @Option(names = "--formats", paramLabel = "FORMAT", split = ",", defaultValue = "bf16,int8,int4", description = "Default: "
      + "${DEFAULT-VALUE}.")
  private List<WeightFormat> formats = List.of();

  @Option(names = "--repetitions", paramLabel = "N", defaultValue = "10", description = "The best one counts. Default: "
      + "${DEFAULT-VALUE}.")
  private int repetitions;

  @Option(names = "--memory", paramLabel = "GIB", defaultValue = "1", description = "Weights of a case on the device, and "
      + "once more for the processor; more than fits the caches is enough. Default: ${DEFAULT-VALUE}.")
  private double memoryGib;

  @Option(names = "--json", paramLabel = "FILE", description = "Figures and conditions as JSON.")
  private Optional<Path> json = Optional.empty();

  @Override
  public Integer call() throws Exception {
    OpenClDevice chosen = device.openCl();
    DeviceBenchmark benchmark = new DeviceBenchmark(chosen, device.tuning(chosen), repetitions,
        (long) (memoryGib * (1L << 30)));
    double launchSeconds = DeviceBandwidth.launchSeconds(chosen);
    System.out.printf(Locale.ROOT, "%s, %s, tuning %s%na launch takes %.0f us%n", chosen, chosen.driver(),
        device.tuning(
            chosen),
        launchSeconds * 1e6);
    System.out.printf("%-6s %-5s %6s %8s %10s %10s %8s %8s %8s %8s%n", "shape", "type", "tokens", "experts",
        "device ms",
        "vector ms", "ratio", "GB/s", "% copy", "GFLOP/s");
    List<Line> lines = new ArrayList<>();
    for (ExpertShape shape : shapes) {
      for (WeightFormat format : formats) {
        benchmark.run(shape, format, line -> {
          lines.add(line);
          System.out.printf(Locale.ROOT, "%-6s %-5s %6d %8d %10.2f %10.2f %8.2f %8.1f %8.0f %8.0f%n", line.shape()
              .name().toLowerCase(Locale.ROOT), line.format(), line.tokens(), line.touched(), line.deviceMs(),
              line
                  .vectorMs(),
              line.ratio(), line.deviceGBs(), 100 * line.copyFraction(), line.deviceGflops());
        });
      }
    }
    if (json.isPresent()) {
      ObjectNode root = benchmark.json(lines, launchSeconds);
      root.set("conditions", Conditions.read().put("repetitions", repetitions));
      JsonLines.JSON.writerWithDefaultPrettyPrinter().writeValue(json.get().toFile(), root);
    }
    return 0;
  }
}
