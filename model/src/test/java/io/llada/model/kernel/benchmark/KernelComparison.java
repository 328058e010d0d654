package io.llada.model.kernel.benchmark;

import java.util.Collection;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/// Runs benchmarks as JMH's own command line does and sets the implementations side by side. The best iteration counts:
/// what else runs on the machine only ever adds time.
public final class KernelComparison {
  private static final String IMPLEMENTATION = "implementation";

  private KernelComparison() {}

  /// @param arguments as JMH takes them: patterns of names and options
  public static void main(String[] arguments) throws CommandLineOptionException, RunnerException {
    print(new Runner(new CommandLineOptions(arguments)).run());
  }

  /// A line per case: each implementation's microseconds and how many times as fast as the scalar one it is.
  private static void print(Collection<RunResult> results) {
    Map<String, Map<Implementation, Double>> cases = new TreeMap<>();
    for (RunResult result : results) {
      Implementation implementation = Implementation.valueOf(result.getParams().getParam(IMPLEMENTATION));
      cases.computeIfAbsent(label(result.getParams()), _ -> new EnumMap<>(Implementation.class)).put(implementation,
          result.getPrimaryResult().getStatistics().getMin());
    }
    System.out.println();
    cases.forEach((label, times) -> {
      StringBuilder line = new StringBuilder("%-40s".formatted(label));
      double scalar = times.getOrDefault(Implementation.SCALAR, Double.NaN);
      times.forEach((implementation, micros) -> line.append("%8s %10.2f (%5.1f)".formatted(implementation, micros,
          scalar / micros)));
      System.out.println(line);
    });
  }

  /// Method and parameters, without the implementation.
  private static String label(BenchmarkParams params) {
    StringBuilder label = new StringBuilder(
        params.getBenchmark().substring(params.getBenchmark().lastIndexOf('.') + 1));
    for (String key : params.getParamsKeys()) {
      if (!key.equals(IMPLEMENTATION)) {
        label.append(", ").append(key).append(' ').append(params.getParam(key));
      }
    }
    return label.toString();
  }
}
