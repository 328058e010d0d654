package io.llada.model.kernel.benchmark;

import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.TokenRows;
import io.llada.model.kernel.WeightFormat;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// Rounding a block of 32 rows of 2048 elements for the integer formats.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class RoundingBenchmark {
  private static final int TOKENS = 32;
  private static final int WIDTH = 2048;

  @Param
  Implementation implementation;

  private final float[] x = RandomNumbers.floats(TOKENS * WIDTH);
  private Kernels kernels;

  @Setup
  public void choose() {
    kernels = implementation.kernels();
  }

  @Benchmark
  public TokenRows rows() {
    return kernels.rows(x, TOKENS, WIDTH, WeightFormat.INT8);
  }
}
