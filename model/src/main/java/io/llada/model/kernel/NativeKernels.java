package io.llada.model.kernel;

import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;
import static io.llada.model.kernel.WeightFormat.GROUP;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.OptionalDouble;

/// Matrix products in C (see `integer_kernels.c` and `float_kernels.c`), everything else by [VectorKernels]: the same bits.
///
/// Java has no dot products of bytes, which multiply four columns at once and need no conversion, and cannot ask for memory
/// before it is used. Rows of the integer formats are rounded into records of [TokenRows], which only these kernels read.
public final class NativeKernels implements Kernels {
  /// Multiply-adds of one call: some 40 microseconds with 512 bits (a quarter of a millisecond where memory limits), and
  /// about a millisecond in plain C.
  private static final int CALL_OPERATIONS = 1 << 22;
  /// Room that a call has for sums.
  private static final int MOST_TOKENS = 64;
  /// Fewer would unpack weights more often than they are used.
  private static final int FEWEST_TOKENS = 16;
  private static final long MEASURED_TURNS = 1 << 18;
  private static final int ITEMS_PER_THREAD = 8;
  private static final int LONGEST_VECTOR_BYTES = 64;

  private final Kernels vector = new VectorKernels();
  private final NativeLibrary library;

  NativeKernels(NativeLibrary library) {
    this.library = library;
  }

  /// Compiles the kernels for this machine, which takes about a second.
  ///
  /// @throws KernelsUnavailableException when there is no C compiler or it fails
  public static NativeKernels compile() {
    return new NativeKernels(NativeLibrary.compile(NativeLibrary.COMPILERS, NativeLibrary.optionsOfThisProcessor()));
  }

  @Override
  public TokenRows room(float[] x, int tokens, int columns, WeightFormat format, Workspace workspace) {
    if (!format.isQuantised()) {
      return vector.room(x, tokens, columns, format, workspace);
    }
    format.groups(columns); // refuses what does not divide into groups
    return TokenRows.recorded(tokens, columns, workspace);
  }

  @Override
  public void round(float[] x, TokenRows rows, int from, int to) {
    if (!rows.isRecorded()) {
      return;
    }
    int columns = rows.columns();
    Objects.checkFromToIndex(from, to, rows.tokens());
    Objects.checkFromToIndex(0, Math.multiplyExact(to, columns), x.length);
    int run = Math.max(1, CALL_OPERATIONS / PANEL_ROWS / columns);
    for (int token = from; token < to; token += run) {
      try {
        library.round().invokeExact(MemorySegment.ofArray(x), (long) token * columns, Math.min(run, to - token),
            columns / GROUP, MemorySegment.ofArray(rows.records()), (long) token * rows.recordBytes(), (long) rows
                .recordBytes());
      } catch (Throwable e) {
        throw failed(e);
      }
    }
  }

  @Override
  public void multiply(PackedMatrix w, int fromPanel, int toPanel, TokenRows x, float[] y, int yOffset, int stride) {
    if (w.format().isQuantised()) {
      x.requireRecordsFor(w);
    } else {
      x.requireFor(w);
    }
    if (x.tokens() == 0 || fromPanel == toPanel) {
      return;
    }
    VectorKernels.requireRoom(w, fromPanel, toPanel, x, y, yOffset, stride);
    int panelOperations = PANEL_ROWS * w.columns();
    int most = Math.clamp(CALL_OPERATIONS / panelOperations, FEWEST_TOKENS, MOST_TOKENS);
    int run = Math.max(1, CALL_OPERATIONS / panelOperations / Math.min(most, x.tokens()));
    // All tokens before the next panels: a run's weights stay in the cache.
    for (int panel = fromPanel; panel < toPanel; panel += run) {
      int to = Math.min(toPanel, panel + run);
      for (int token = 0; token < x.tokens(); token += most) {
        call(w, panel, to, x, token, Math.min(most, x.tokens() - token), y, (long) token * stride + yOffset
            + (panel - fromPanel) * PANEL_ROWS, stride);
      }
    }
  }

  private void call(PackedMatrix w, int fromPanel, int toPanel, TokenRows x, int token, int tokens, float[] y,
      long yOffset, int stride) {
    MemorySegment panels = MemorySegment.ofAddress(w.panelAddress(fromPanel));
    int rows = Math.min(w.rows(), toPanel * PANEL_ROWS) - fromPanel * PANEL_ROWS;
    MemorySegment out = MemorySegment.ofArray(y);
    try {
      switch (w.format()) {
        case F32 -> library.multiplyF32().invokeExact(panels, rows, w.columns(), MemorySegment.ofArray(x.values()),
            (long) token * w.columns(), tokens, out, yOffset, (long) stride);
        case BF16 -> library.multiplyBf16().invokeExact(panels, rows, w.columns(), MemorySegment.ofArray(x.values()),
            (long) token * w.columns(), tokens, out, yOffset, (long) stride);
        case INT8 -> library.multiplyInt8().invokeExact(panels, rows, w.columns() / GROUP, MemorySegment.ofArray(x
            .records()), (long) token * x.recordBytes(), (long) x.recordBytes(), tokens, out, yOffset, (long) stride);
        case INT4 -> library.multiplyInt4().invokeExact(panels, rows, w.columns() / GROUP, MemorySegment.ofArray(x
            .records()), (long) token * x.recordBytes(), (long) x.recordBytes(), tokens, out, yOffset, (long) stride);
      }
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  private static IllegalStateException failed(Throwable e) {
    return new IllegalStateException("native code cannot be called", e);
  }

  @Override
  public OptionalDouble integerOperationsPerSecond(ComputePool pool) {
    int items = pool.threads() * ITEMS_PER_THREAD;
    long[] operations = new long[items];
    long start = System.nanoTime();
    pool.forEach(items, CALL_OPERATIONS, item -> operations[item] = dotProducts(item));
    double seconds = (System.nanoTime() - start) / 1e9;
    double all = 0;
    for (long some : operations) {
      all += some;
    }
    return OptionalDouble.of(all / seconds);
  }

  private long dotProducts(int item) {
    byte[] x = {(byte) item, 1, 2, 3};
    try {
      return (long) library.dotProducts().invokeExact(MEASURED_TURNS, MemorySegment.ofArray(x), MemorySegment.ofArray(
          new byte[LONGEST_VECTOR_BYTES]));
    } catch (Throwable e) {
      throw failed(e);
    }
  }

  /// What the C code was compiled to, for people: for example `AVX-512 VNNI`.
  public String variant() {
    return library.variant();
  }

  @Override
  public void rmsNorm(float[] x, int xOffset, float[] weight, float epsilon, float[] y, int yOffset) {
    vector.rmsNorm(x, xOffset, weight, epsilon, y, yOffset);
  }

  @Override
  public void swiglu(float[] gate, float[] up, int from, int to) {
    vector.swiglu(gate, up, from, to);
  }

  @Override
  public void roundToBf16(float[] x, int from, int to) {
    vector.roundToBf16(x, from, to);
  }

  @Override
  public void addScaled(float factor, float[] x, int xOffset, float[] y, int yOffset, int count) {
    vector.addScaled(factor, x, xOffset, y, yOffset, count);
  }

  @Override
  public float expSum(float[] x, int from, int count, float max) {
    return vector.expSum(x, from, count, max);
  }

  @Override
  public float max(float[] x, int from, int count) {
    return vector.max(x, from, count);
  }

  @Override
  public void sigmoid(float[] x, int from, int to) {
    vector.sigmoid(x, from, to);
  }

  @Override
  public void attentionScores(float[] queries, int rows, int headSize, float[] keys, float scale, float[] scores,
      int page, int stride) {
    vector.attentionScores(queries, rows, headSize, keys, scale, scores, page, stride);
  }

  @Override
  public void attentionValues(float[] weights, int page, int stride, int rows, float[] values, int positions,
      float[] out, int headSize) {
    vector.attentionValues(weights, page, stride, rows, values, positions, out, headSize);
  }
}
