package io.llada.deploy.bench;

import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.LargePages;
import io.llada.model.kernel.MachineLimits;
import io.llada.model.kernel.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/// What the machine can do at most, measured in the run whose figures are compared with it, on as many threads.
///
/// @param readGBs reading memory that is in no cache, in 10^9 bytes per second
/// @param gflops F32 multiply-adds on registers, in 10^9 operations per second
/// @param integerGops the same of the instruction that multiplies integer formats; `gflops` where the kernels have none
public record MachineSpeed(double readGBs, double gflops, double integerGops) {
  static final MachineSpeed NONE = new MachineSpeed(0, 0, 0);

  private static final long WANTED_BYTES = 1L << 30;
  private static final long FEWEST_BYTES = 1L << 28;
  private static final int REPETITIONS = 20;

  /// Measures with some threads; the best of some repetitions counts.
  public static MachineSpeed measure(int threads, Kernels kernels) {
    try (Arena arena = Arena.ofShared(); ComputePool pool = new ComputePool(threads)) {
      MemorySegment data = memory(arena);
      MachineSpeed best = NONE;
      for (int i = 0; i < REPETITIONS; i++) {
        best = best.orBetter(data, pool, kernels);
      }
      return best;
    }
  }

  /// The least time for some work, milliseconds: the roofline (Williams, Waterman and Patterson, 2009).
  ///
  /// @param operations all of them
  /// @param integers those of them on integer weights
  double leastMs(double bytes, double operations, double integers) {
    return Math.max(bytes / readGBs, (operations - integers) / gflops + integers / integerGops) / 1e6;
  }

  /// The peak of what multiplies a format.
  public double peakGflops(WeightFormat format) {
    return format.isQuantised() ? integerGops : gflops;
  }

  /// Memory to read: a GiB, or half of what is free where that is less. In large pages, as weights are.
  static MemorySegment memory(Arena arena) {
    long bytes = Math.max(FEWEST_BYTES, Math.min(WANTED_BYTES, availableBytes() / 2));
    return LargePages.allocate(bytes, arena).fill((byte) 1);
  }

  /// One more measurement.
  MachineSpeed orBetter(MemorySegment data, ComputePool pool, Kernels kernels) {
    double floats = MachineLimits.floatOperationsPerSecond(pool);
    double integers = kernels.integerOperationsPerSecond(pool).orElse(floats);
    return new MachineSpeed(Math.max(readGBs, MachineLimits.readBytesPerSecond(data, pool) / 1e9), Math.max(gflops,
        floats / 1e9), Math.max(integerGops, integers / 1e9));
  }

  private static long availableBytes() {
    try {
      return Files.readAllLines(Path.of("/proc/meminfo")).stream().filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024).findFirst().orElse(WANTED_BYTES);
    } catch (IOException e) {
      return WANTED_BYTES; // no Linux: it is asked for and paged in or refused
    }
  }
}
