package io.llada.model.kernel.benchmark;

import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.LargePages;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.TokenRows;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// The gate of an expert of mini's shape. Every call takes the next of many copies, together larger than the caches, as a
/// routed layer does.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class MultiplyBenchmark {
  private static final int ROWS = 512;
  private static final int COLUMNS = 2048;
  private static final long CYCLE_BYTES = 128L << 20;

  @Param
  Implementation implementation;
  @Param
  WeightFormat format;
  @Param({"1", "4", "32"})
  int tokens;

  private final Arena arena = Arena.ofShared();
  private final List<PackedMatrix> matrices = new ArrayList<>();
  private int next;
  private Kernels kernels;
  private TokenRows x;
  private float[] y;

  @Setup
  public void fill() {
    kernels = implementation.kernels();
    x = kernels.rows(RandomNumbers.floats(tokens * COLUMNS), tokens, COLUMNS, format);
    y = new float[tokens * ROWS];
    TensorView weights = new TensorView("random", ElementType.F32, ROWS, COLUMNS, MemorySegment.ofArray(RandomNumbers
        .floats(ROWS * COLUMNS)));
    PackedMatrix first = PackedMatrix.pack(List.of(weights), format, arena);
    SegmentAllocator memory = SegmentAllocator.slicingAllocator(LargePages.allocate(CYCLE_BYTES, arena));
    for (long room = CYCLE_BYTES; room >= first.bytes(); room -= first.bytes()) {
      MemorySegment copy = memory.allocate(first.bytes(), PackedMatrix.ALIGNMENT).copyFrom(first.data());
      matrices.add(PackedMatrix.of(format, ROWS, COLUMNS, copy));
    }
  }

  @TearDown
  public void free() {
    arena.close();
  }

  @Benchmark
  public float[] multiply() {
    next = (next + 1) % matrices.size();
    PackedMatrix w = matrices.get(next);
    kernels.multiply(w, 0, w.panels(), x, y, 0, ROWS);
    return y;
  }
}
