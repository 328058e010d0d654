package io.llada.deploy.command;

import io.llada.deploy.bench.LayerBenchmark;
import io.llada.deploy.bench.LayerBenchmark.Line;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Times the experts of a layer on one thread.
@Command(name = "layer", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "One MoE layer of mini's and of flash's shape on one thread, beside what this thread reads and multiplies at most; "
        + "needs no model and about 3 GB of memory."})
final class BenchLayerCommand implements Callable<Integer> {
  @Mixin
  private LayerOptions layers;

  @Option(names = "--tokens", paramLabel = "N", split = ",", defaultValue = "32,256", description = "Default: "
      + "${DEFAULT-VALUE}.")
  private int[] tokens = {};

  @Option(names = "--repetitions", paramLabel = "N", defaultValue = "10", description = "The best one counts. Default: "
      + "${DEFAULT-VALUE}.")
  private int repetitions;

  @Mixin
  private JsonOption json;

  @Mixin
  private KernelsOption kernels;

  @Override
  public Integer call() throws Exception {
    LayerBenchmark benchmark = new LayerBenchmark(kernels.provider().open(), repetitions, tokens);
    System.out.printf("%-6s %-5s %6s %8s %9s %8s %7s %9s %7s %11s%n", "shape", "type", "tokens", "experts", "ms",
        "GB/s", "% read", "GFLOP/s", "% peak", "% roofline");
    List<Line> lines = new ArrayList<>();
    benchmark.run(layers.shapes(), layers.formats(), line -> {
      lines.add(line);
      System.out.printf(Locale.ROOT, "%-6s %-5s %6d %8d %9.2f %8.2f %7.0f %9.1f %7.0f %11.0f%n", line.shape().label(),
          line.format(), line.tokens(), line.touched(), line.ms(), line.weightGBs(),
          100 * line.readFraction(), line.gflops(), 100 * line.peakFraction(), 100 * line.rooflineFraction());
    });
    json.write(() -> LayerBenchmark.json(lines), conditions -> conditions.put("threads", 1).put("repetitions",
        repetitions).put("kernels", kernels.provider().name()));
    return 0;
  }
}
