package io.llada.model.kernel.benchmark;

import io.llada.model.kernel.Kernels;
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

/// Kernels of one row of 2048 elements, from cache.
///
/// Those that work in place are given a fresh copy, or their numbers would drift to where arithmetic takes another time;
/// the copy is timed with them (about 0.05 microseconds).
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class RowBenchmark {
  private static final int WIDTH = 2048;

  @Param({"SCALAR", "VECTOR"})
  Implementation implementation;

  private final float[] x = RandomNumbers.floats(WIDTH);
  private final float[] weight = RandomNumbers.floats(WIDTH);
  private final float[] y = new float[WIDTH];
  private Kernels kernels;

  @Setup
  public void choose() {
    kernels = implementation.kernels();
  }

  @Benchmark
  public float[] rmsNorm() {
    kernels.rmsNorm(x, 0, weight, 1e-6f, y, 0);
    return y;
  }

  @Benchmark
  public float[] swiglu() {
    copyOfX();
    kernels.swiglu(y, weight, 0, WIDTH);
    return y;
  }

  @Benchmark
  public float[] addScaled() {
    copyOfX();
    kernels.addScaled(0.5f, weight, 0, y, 0, WIDTH);
    return y;
  }

  @Benchmark
  public float expSum() {
    copyOfX();
    return kernels.expSum(y, 0, WIDTH, 1);
  }

  @Benchmark
  public float max() {
    return kernels.max(x, 0, WIDTH);
  }

  @Benchmark
  public float[] sigmoid() {
    copyOfX();
    kernels.sigmoid(y, 0, WIDTH);
    return y;
  }

  private void copyOfX() {
    System.arraycopy(x, 0, y, 0, WIDTH);
  }
}
