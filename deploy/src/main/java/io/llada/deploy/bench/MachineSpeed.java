package io.llada.deploy.bench;

import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.MachineLimits;
import io.llada.model.kernel.PackedMatrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/// What the machine can do at most, measured in the run whose figures are compared with it, on as many threads.
///
/// @param readGBs reading memory that is in no cache, in 10^9 bytes per second
/// @param gflops F32 multiply-adds on registers, in 10^9 operations per second
public record MachineSpeed(double readGBs, double gflops) {
  private static final long WANTED_BYTES = 1L << 30;
  private static final long FEWEST_BYTES = 1L << 28;
  private static final int REPETITIONS = 20;

  /// Measures with some threads; the best of some repetitions counts.
  public static MachineSpeed measure(int threads) {
    try (Arena arena = Arena.ofShared(); ComputePool pool = new ComputePool(threads)) {
      MemorySegment data = memory(arena);
      MachineSpeed best = new MachineSpeed(0, 0);
      for (int i = 0; i < REPETITIONS; i++) {
        best = best.orBetter(data, pool);
      }
      return best;
    }
  }

  /// The least time for some work, milliseconds: the roofline (Williams, Waterman and Patterson, 2009). Whatever is
  /// multiplied is held against the F32 peak; a peak of other arithmetic belongs here, beside it.
  double leastMs(double bytes, double operations) {
    return Math.max(bytes / readGBs, operations / gflops) / 1e6;
  }

  /// Memory to read: a GiB, or half of what is free where that is less. Aligned as weights are: a vector that lies across
  /// two cache lines is read slower.
  static MemorySegment memory(Arena arena) {
    long bytes = Math.max(FEWEST_BYTES, Math.min(WANTED_BYTES, availableBytes() / 2));
    return arena.allocate(bytes, PackedMatrix.ALIGNMENT).fill((byte) 1);
  }

  /// One more measurement.
  MachineSpeed orBetter(MemorySegment data, ComputePool pool) {
    return new MachineSpeed(Math.max(readGBs, MachineLimits.readBytesPerSecond(data, pool) / 1e9), Math.max(gflops,
        MachineLimits.floatOperationsPerSecond(pool) / 1e9));
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
