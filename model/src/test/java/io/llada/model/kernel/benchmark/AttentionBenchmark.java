package io.llada.model.kernel.benchmark;

import static io.llada.model.kernel.Kernels.QUERY_ROWS;
import static io.llada.model.kernel.KeyValuePages.PAGE_POSITIONS;

import io.llada.model.kernel.Kernels;
import java.util.Arrays;
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

/// Eight queries of 128 elements against 1024 positions of one key head.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class AttentionBenchmark {
  private static final int HEAD_SIZE = 128;
  private static final int POSITIONS = 1024;
  private static final int PAGES = POSITIONS / PAGE_POSITIONS;

  @Param({"SCALAR", "VECTOR"})
  Implementation implementation;

  private final float[] queries = RandomNumbers.floats(QUERY_ROWS * HEAD_SIZE);
  private final float[] weights = RandomNumbers.floats(QUERY_ROWS * POSITIONS);
  private final float[] scores = new float[QUERY_ROWS * POSITIONS];
  private final float[] out = new float[QUERY_ROWS * HEAD_SIZE];
  private final float[][] keys = new float[PAGES][];
  private final float[][] values = new float[PAGES][];
  private Kernels kernels;

  @Setup
  public void fill() {
    kernels = implementation.kernels();
    for (int page = 0; page < PAGES; page++) {
      keys[page] = RandomNumbers.floats(HEAD_SIZE * PAGE_POSITIONS);
      values[page] = RandomNumbers.floats(PAGE_POSITIONS * HEAD_SIZE);
    }
  }

  @Benchmark
  public float[] attentionScores() {
    for (int page = 0; page < PAGES; page++) {
      kernels.attentionScores(queries, QUERY_ROWS, HEAD_SIZE, keys[page], 0.1f, scores, page, POSITIONS);
    }
    return scores;
  }

  @Benchmark
  public float[] attentionValues() {
    Arrays.fill(out, 0);
    for (int page = 0; page < PAGES; page++) {
      kernels.attentionValues(weights, page, POSITIONS, QUERY_ROWS, values[page], PAGE_POSITIONS, out, HEAD_SIZE);
    }
    return out;
  }
}
