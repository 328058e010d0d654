package io.llada.deploy.command;

import io.llada.deploy.bench.DeviceBenchmark;
import io.llada.deploy.bench.DeviceBenchmark.Line;
import io.llada.deploy.bench.ExpertShape;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.kernel.opencl.DeviceBandwidth;
import io.llada.model.kernel.opencl.OpenClDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
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

  @Mixin
  private LayerOptions layers;

  @Option(names = "--repetitions", paramLabel = "N", defaultValue = "10", description = "The best one counts. Default: "
      + "${DEFAULT-VALUE}.")
  private int repetitions;

  @Option(names = "--memory", paramLabel = "GIB", defaultValue = "1", description = "Weights of a case on the device, and "
      + "once more for the processor; more than fits the caches is enough. Default: ${DEFAULT-VALUE}.")
  private double memoryGib;

  @Mixin
  private JsonOption json;

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
    for (ExpertShape shape : layers.shapes()) {
      for (WeightFormat format : layers.formats()) {
        benchmark.run(shape, format, line -> {
          lines.add(line);
          System.out.printf(Locale.ROOT, "%-6s %-5s %6d %8d %10.2f %10.2f %8.2f %8.1f %8.0f %8.0f%n",
              line.shape().label(), line.format(), line.tokens(), line.touched(), line.deviceMs(),
              line
                  .vectorMs(),
              line.ratio(), line.deviceGBs(), 100 * line.copyFraction(), line.deviceGflops());
        });
      }
    }
    json.write(() -> benchmark.json(lines, launchSeconds), conditions -> conditions.put("repetitions", repetitions));
    return 0;
  }
}
