package io.llada.deploy.command;

import io.llada.deploy.bench.KernelBenchmark;
import io.llada.deploy.bench.MachineSpeed;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Times the kernels of an expert.
@Command(name = "kernels", mixinStandardHelpOptions = true, sortOptions = false, description = "One expert of mini's and of "
    + "flash's shape on one thread, in every number format, needs no model and about 3 GB of memory.")
final class BenchKernelsCommand implements Callable<Integer> {
  @Option(names = "--repetitions", paramLabel = "N", defaultValue = "7", description = "Turns of each case, the best one "
      + "counts. Default: ${DEFAULT-VALUE}.")
  private int repetitions;

  @Mixin
  private JsonOption json;

  @Mixin
  private KernelsOption kernels;

  @Override
  public Integer call() throws Exception {
    KernelBenchmark.Result result = new KernelBenchmark(repetitions, kernels.provider().open()).run();
    MachineSpeed machine = result.machine();
    System.out.printf(Locale.ROOT, "one thread reads %.1f GB/s and does %.0f GFLOP/s (integers %.0f)%n",
        machine.readGBs(), machine
            .gflops(),
        machine.integerGops());
    System.out.printf("%-6s %-5s %6s %9s %8s %7s %8s %7s%n", "shape", "type", "tokens", "ms", "GB/s", "% read",
        "GFLOP/s", "% peak");
    for (KernelBenchmark.Line line : result.lines()) {
      System.out.printf(Locale.ROOT, "%-6s %-5s %6d %9.3f %8.2f %7.0f %8.1f %7.0f%n", line.shape(), line.format(), line
          .tokens(), line.ms(), line.weightGBs(), 100 * line.weightGBs() / machine.readGBs(), line.gflops(),
          100 * line.gflops() / machine.peakGflops(line.format()));
    }
    json.write(result::json, conditions -> conditions.put("threads", 1).put("repetitions",
        repetitions).put("kernels", kernels.provider().name()));
    return 0;
  }
}
