package io.llada.model.kernel;

import static io.llada.model.kernel.KeyValuePages.PAGE_POSITIONS;
import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;
import static io.llada.model.kernel.WeightFormat.GROUP;

import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The vector twin of [ScalarKernels]: the same operations in the same order for every result, many results at once.
///
/// Works on any vector width from 64 to 512 bits; the width changes how many sums run side by side, never a sum.
public final class VectorKernels implements Kernels {
  /// A constant, because the compiler turns vector operations into instructions only where it knows the width.
  static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED.vectorBitSize() > 512
      ? FloatVector.SPECIES_512
      : FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, SPECIES.vectorShape());
  private static final VectorSpecies<Short> WORDS = VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES
      .vectorBitSize() / 2));
  private static final int VECTOR = SPECIES.length();
  private static final Kernels SCALAR = new ScalarKernels();

  @Override
  public TokenRows room(float[] x, int tokens, int columns, WeightFormat format, Workspace workspace) {
    return format.isQuantised()
        ? TokenRows.rounded(tokens, columns, workspace).tiled(workspace)
        : new TokenRows(tokens, columns, x);
  }

  @Override
  public void round(float[] x, TokenRows rows, int from, int to) {
    if (!rows.isRounded()) {
      return;
    }
    Objects.checkFromToIndex(from, to, rows.tokens());
    Objects.checkFromToIndex(0, to * rows.columns(), x.length);
    int groups = rows.columns() / GROUP;
    for (int group = from * groups; group < to * groups; group++) {
      roundGroup(x, group, rows);
    }
    if (rows.isOrdered()) {
      IntegerTiles.order(rows, from, to);
    }
  }

  private static void roundGroup(float[] x, int group, TokenRows rows) {
    int from = group * GROUP;
    FloatVector largest = FloatVector.zero(SPECIES);
    for (int i = from; i < from + GROUP; i += VECTOR) {
      largest = largest.max(FloatVector.fromArray(SPECIES, x, i).abs());
    }
    float most = largest.reduceLanes(VectorOperators.MAX);
    FloatVector inverse = all(most > TokenRows.LEAST ? TokenRows.MOST / most : 0);
    IntVector sum = IntVector.zero(INTS);
    for (int i = from; i < from + GROUP; i += VECTOR) {
      FloatVector rounded = FloatVector.fromArray(SPECIES, x, i).mul(inverse).add(Exponential.ROUNDER).sub(
          Exponential.ROUNDER);
      rounded.intoArray(rows.values(), i);
      IntVector integers = (IntVector) rounded.convert(VectorOperators.F2I, 0);
      ((ShortVector) integers.convertShape(VectorOperators.I2S, WORDS, 0)).intoArray(rows.words(), i);
      sum = sum.add(integers);
    }
    rows.sums()[group] = sum.reduceLanes(VectorOperators.ADD);
    rows.scales()[group] = most / TokenRows.MOST;
  }

  @Override
  public void multiply(PackedMatrix w, int fromPanel, int toPanel, TokenRows x, float[] y, int yOffset, int stride) {
    if (x.tokens() == 0) {
      return;
    }
    x.requireFor(w);
    requireRoom(w, fromPanel, toPanel, x, y, yOffset, stride);
    int panel = w.format() == WeightFormat.BF16
        ? Bf16Panels.run(w, fromPanel, Math.min(toPanel, w.rows() / PANEL_ROWS), x, y, yOffset, stride)
        : fromPanel;
    for (; panel < toPanel; panel++) {
      int column = yOffset + (panel - fromPanel) * PANEL_ROWS;
      if ((panel + 1) * PANEL_ROWS <= w.rows()) {
        panel(w, panel, x, y, column, stride);
      } else {
        lastPanel(w, panel, x, y, column, stride);
      }
    }
  }

  /// Vector accesses themselves may run unchecked, and so does native code.
  static void requireRoom(PackedMatrix w, int fromPanel, int toPanel, TokenRows x, float[] y, int yOffset,
      int stride) {
    int width = Math.min(w.rows(), toPanel * PANEL_ROWS) - fromPanel * PANEL_ROWS;
    Objects.checkFromToIndex(fromPanel, toPanel, w.panels());
    Objects.checkFromIndexSize(yOffset, width, stride);
    Objects.checkFromIndexSize(0, Math.addExact(Math.multiplyExact(x.tokens() - 1, stride), yOffset + width), y.length);
  }

  private static void panel(PackedMatrix w, int panel, TokenRows x, float[] y, int column, int stride) {
    int tokens = x.tokens();
    switch (w.format()) {
      case F32 -> F32Multiply.panel(w, panel, x.values(), tokens, y, column, stride);
      case BF16 -> Bf16Multiply.panel(w, panel, x.values(), tokens, y, column, stride);
      case INT8, INT4 -> {
        int tiled = IntegerTiles.tiled(tokens);
        if (tiled > 0) {
          IntegerTiles.panel(w, panel, x, tiled, y, column, stride);
        }
        if (w.format() == WeightFormat.INT8) {
          Int8Multiply.panel(w, panel, x, tiled, y, column, stride);
        } else {
          Int4Multiply.panel(w, panel, x, tiled, y, column, stride);
        }
      }
    }
  }

  /// A panel with zero rows at its end: computed whole beside `y`, then only the real rows are copied.
  private static void lastPanel(PackedMatrix w, int panel, TokenRows x, float[] y, int column, int stride) {
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    float[] whole = workspace.floats(x.tokens() * PANEL_ROWS);
    panel(w, panel, x, whole, 0, PANEL_ROWS);
    int rows = w.rows() - panel * PANEL_ROWS;
    for (int token = 0; token < x.tokens(); token++) {
      System.arraycopy(whole, token * PANEL_ROWS, y, token * stride + column, rows);
    }
    workspace.release(mark);
  }

  @Override
  public void rmsNorm(float[] x, int xOffset, float[] weight, float epsilon, float[] y, int yOffset) {
    int width = weight.length;
    Objects.checkFromIndexSize(xOffset, width, x.length);
    Objects.checkFromIndexSize(yOffset, width, y.length);
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    float[] sums = workspace.floats(LANES);
    int whole = width - width % LANES;
    for (int lane = 0; lane < LANES; lane += VECTOR) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int i = lane; i < whole; i += LANES) {
        FloatVector value = FloatVector.fromArray(SPECIES, x, xOffset + i);
        sum = value.fma(value, sum);
      }
      sum.intoArray(sums, lane);
    }
    for (int i = whole; i < width; i++) {
      sums[i - whole] = Math.fma(x[xOffset + i], x[xOffset + i], sums[i - whole]);
    }
    float scale = ScalarKernels.inverseRoot(ScalarKernels.sumOfLanes(sums), width, epsilon);
    workspace.release(mark);
    for (int i = 0; i < width; i++) {
      y[yOffset + i] = x[xOffset + i] * scale * weight[i];
    }
  }

  @Override
  public void swiglu(float[] gate, float[] up, int from, int to) {
    Objects.checkFromToIndex(from, to, Math.min(gate.length, up.length));
    int i = from;
    for (; i <= to - VECTOR; i += VECTOR) {
      FloatVector value = FloatVector.fromArray(SPECIES, gate, i);
      FloatVector power = exp(value.neg());
      value.div(power.add(1f)).mul(FloatVector.fromArray(SPECIES, up, i)).intoArray(gate, i);
    }
    for (; i < to; i++) {
      gate[i] = gate[i] / (1f + Exponential.exp(-gate[i])) * up[i];
    }
  }

  /// [Exponential#exp] on every lane.
  private static FloatVector exp(FloatVector value) {
    FloatVector x = value.min(Exponential.HIGHEST).max(Exponential.LOWEST);
    FloatVector shifted = x.fma(all(Exponential.LOG2_E), all(Exponential.ROUNDER));
    FloatVector n = shifted.sub(Exponential.ROUNDER);
    FloatVector r = n.fma(all(Exponential.MINUS_LN2_HIGH), x);
    r = n.fma(all(Exponential.MINUS_LN2_LOW), r);
    FloatVector p = all(Exponential.C0).fma(r, all(Exponential.C1));
    p = p.fma(r, all(Exponential.C2));
    p = p.fma(r, all(Exponential.C3));
    p = p.fma(r, all(Exponential.C4));
    p = p.fma(r, all(Exponential.C5));
    FloatVector y = p.fma(r.mul(r), r).add(1f);
    IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(Exponential.ONE);
    return y.mul(exponent.reinterpretAsFloats());
  }

  private static FloatVector all(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }

  @Override
  public void roundToBf16(float[] x, int from, int to) {
    Objects.checkFromToIndex(from, to, x.length);
    int i = from;
    for (; i <= to - VECTOR; i += VECTOR) {
      IntVector bits = FloatVector.fromArray(SPECIES, x, i).reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, Bf16.BITS).and(1);
      IntVector rounded = bits.add(odd).add(Bf16.BELOW_HALF)
          .blend(bits.or(Bf16.QUIET_NAN), bits.and(Integer.MAX_VALUE).compare(VectorOperators.GT, Bf16.INFINITY));
      rounded.and(Bf16.UPPER_HALF).reinterpretAsFloats().intoArray(x, i);
    }
    SCALAR.roundToBf16(x, i, to);
  }

  @Override
  public void addScaled(float factor, float[] x, int xOffset, float[] y, int yOffset, int count) {
    // The compiler turns this one into vectors by itself.
    SCALAR.addScaled(factor, x, xOffset, y, yOffset, count);
  }

  @Override
  public float expSum(float[] x, int from, int count, float max) {
    Objects.checkFromIndexSize(from, count, x.length);
    int whole = count - count % LANES;
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    float[] sums = workspace.floats(LANES);
    for (int lane = 0; lane < LANES; lane += VECTOR) {
      FloatVector sum = FloatVector.zero(SPECIES);
      for (int i = lane; i < whole; i += LANES) {
        FloatVector power = exp(FloatVector.fromArray(SPECIES, x, from + i).sub(max));
        power.intoArray(x, from + i);
        sum = sum.add(power);
      }
      sum.intoArray(sums, lane);
    }
    for (int i = whole; i < count; i++) {
      float power = Exponential.exp(x[from + i] - max);
      x[from + i] = power;
      sums[i - whole] += power;
    }
    float sum = ScalarKernels.sumOfLanes(sums);
    workspace.release(mark);
    return sum;
  }

  @Override
  public float max(float[] x, int from, int count) {
    Objects.checkFromIndexSize(from, count, x.length);
    int whole = count - count % VECTOR;
    FloatVector max = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < whole; i += VECTOR) {
      max = max.max(FloatVector.fromArray(SPECIES, x, from + i));
    }
    return Math.max(max.reduceLanes(VectorOperators.MAX), SCALAR.max(x, from + whole, count - whole));
  }

  @Override
  public void sigmoid(float[] x, int from, int to) {
    Objects.checkFromToIndex(from, to, x.length);
    int i = from;
    for (; i <= to - VECTOR; i += VECTOR) {
      FloatVector power = exp(FloatVector.fromArray(SPECIES, x, i).neg());
      FloatVector.broadcast(SPECIES, 1f).div(power.add(1f)).intoArray(x, i);
    }
    SCALAR.sigmoid(x, i, to);
  }

  @Override
  public void attentionScores(float[] queries, int rows, int headSize, float[] keys, float scale, float[] scores,
      int page, int stride) {
    requireAttention(queries, rows, headSize, keys, scores, page, stride);
    for (int row = 0; row < rows; row += QUERY_ROWS) {
      for (int slot = 0; slot < PAGE_POSITIONS / 2; slot += VECTOR) {
        PageAttention.scores(queries, row * headSize, headSize, keys, slot, scale, scores, row * stride + page
            * PAGE_POSITIONS + slot, stride);
      }
    }
  }

  /// Vector accesses themselves may run unchecked.
  private static void requireAttention(float[] heads, int rows, int headSize, float[] page, float[] scores, int index,
      int stride) {
    if (rows % QUERY_ROWS != 0 || stride % PAGE_POSITIONS != 0) {
      throw new IllegalArgumentException("%d rows, stride %d: expected multiples of %d and %d".formatted(rows, stride,
          QUERY_ROWS, PAGE_POSITIONS));
    }
    Objects.checkFromIndexSize(0, Math.multiplyExact(rows, headSize), heads.length);
    Objects.checkFromIndexSize(0, PAGE_POSITIONS * headSize, page.length);
    Objects.checkIndex(index, stride / PAGE_POSITIONS);
    Objects.checkFromIndexSize(0, Math.multiplyExact(rows, stride), scores.length);
  }

  @Override
  public void attentionValues(float[] weights, int page, int stride, int rows, float[] values, int positions,
      float[] out, int headSize) {
    requireAttention(out, rows, headSize, values, weights, page, stride);
    Objects.checkFromToIndex(0, positions, PAGE_POSITIONS);
    int whole = headSize - headSize % (2 * VECTOR);
    for (int row = 0; row < rows; row += QUERY_ROWS) {
      int weight = row * stride + page * PAGE_POSITIONS;
      for (int d = 0; d < whole; d += 2 * VECTOR) {
        PageAttention.twoVectors(weights, weight, stride, values, d, positions, out, row * headSize, headSize);
      }
    }
    for (int row = 0; row < rows && whole < headSize; row++) {
      int weight = row * stride + page * PAGE_POSITIONS;
      for (int d = whole; d < headSize; d++) {
        PageAttention.oneDimension(weights, weight, values, d, positions, out, row * headSize, headSize);
      }
    }
  }
}
