package io.llada.model.kernel;

import static io.llada.model.kernel.KeyValuePages.PAGE_POSITIONS;
import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The vector twin of [ScalarKernels]: the same operations in the same order for every result, many results at once.
///
/// Works on any vector width from 64 to 512 bits; the width changes how many sums run side by side, never a sum.
public final class VectorKernels implements Kernels {
  private static final int WIDEST = 512;

  private final VectorSpecies<Float> species;
  private final int lanes;
  private final MatrixMultiply multiply;

  /// Vectors as wide as this machine has them.
  public VectorKernels() {
    this(FloatVector.SPECIES_PREFERRED.vectorBitSize() > WIDEST
        ? FloatVector.SPECIES_512
        : FloatVector.SPECIES_PREFERRED);
  }

  /// Vectors of a given width, for agreement tests.
  VectorKernels(VectorSpecies<Float> species) {
    this.species = species;
    this.lanes = species.length();
    this.multiply = new MatrixMultiply(species);
  }

  @Override
  public void multiply(PackedMatrix w, int fromPanel, int toPanel, float[] x, int tokens, float[] y, int yOffset,
      int stride) {
    for (int panel = fromPanel; panel < toPanel; panel++) {
      int column = yOffset + (panel - fromPanel) * PANEL_ROWS;
      if ((panel + 1) * PANEL_ROWS <= w.rows()) {
        multiply.panel(w, panel, x, tokens, y, column, stride);
      } else {
        lastPanel(w, panel, x, tokens, y, column, stride);
      }
    }
  }

  /// A panel with zero rows at its end: computed whole beside `y`, then only the real rows are copied.
  private void lastPanel(PackedMatrix w, int panel, float[] x, int tokens, float[] y, int column, int stride) {
    float[] whole = new float[tokens * PANEL_ROWS];
    multiply.panel(w, panel, x, tokens, whole, 0, PANEL_ROWS);
    int rows = w.rows() - panel * PANEL_ROWS;
    for (int token = 0; token < tokens; token++) {
      System.arraycopy(whole, token * PANEL_ROWS, y, token * stride + column, rows);
    }
  }

  @Override
  public void rmsNorm(float[] x, int xOffset, float[] weight, float epsilon, float[] y, int yOffset) {
    float[] sums = new float[LANES];
    int width = weight.length;
    int whole = width - width % LANES;
    for (int lane = 0; lane < LANES; lane += lanes) {
      FloatVector sum = FloatVector.zero(species);
      for (int i = lane; i < whole; i += LANES) {
        FloatVector value = FloatVector.fromArray(species, x, xOffset + i);
        sum = value.fma(value, sum);
      }
      sum.intoArray(sums, lane);
    }
    for (int i = whole; i < width; i++) {
      sums[i - whole] = Math.fma(x[xOffset + i], x[xOffset + i], sums[i - whole]);
    }
    float scale = ScalarKernels.inverseRoot(ScalarKernels.sumOfLanes(sums), width, epsilon);
    for (int i = 0; i < width; i++) {
      y[yOffset + i] = x[xOffset + i] * scale * weight[i];
    }
  }

  @Override
  public void swiglu(float[] gate, float[] up, int from, int to) {
    int i = from;
    for (; i <= to - lanes; i += lanes) {
      FloatVector value = FloatVector.fromArray(species, gate, i);
      FloatVector power = exp(value.neg());
      value.div(power.add(1f)).mul(FloatVector.fromArray(species, up, i)).intoArray(gate, i);
    }
    for (; i < to; i++) {
      gate[i] = gate[i] / (1f + Exponential.exp(-gate[i])) * up[i];
    }
  }

  /// [Exponential#exp] on every lane.
  private static FloatVector exp(FloatVector value) {
    FloatVector x = value.min(Exponential.HIGHEST).max(Exponential.LOWEST);
    FloatVector shifted = x.fma(broadcast(x, Exponential.LOG2_E), broadcast(x, Exponential.ROUNDER));
    FloatVector n = shifted.sub(Exponential.ROUNDER);
    FloatVector r = n.fma(broadcast(x, Exponential.MINUS_LN2_HIGH), x);
    r = n.fma(broadcast(x, Exponential.MINUS_LN2_LOW), r);
    FloatVector p = broadcast(x, Exponential.C0).fma(r, broadcast(x, Exponential.C1));
    p = p.fma(r, broadcast(x, Exponential.C2));
    p = p.fma(r, broadcast(x, Exponential.C3));
    p = p.fma(r, broadcast(x, Exponential.C4));
    p = p.fma(r, broadcast(x, Exponential.C5));
    FloatVector y = p.fma(r.mul(r), r).add(1f);
    IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(Exponential.ONE);
    return y.mul(exponent.reinterpretAsFloats());
  }

  private static FloatVector broadcast(FloatVector like, float value) {
    return FloatVector.broadcast(like.species(), value);
  }

  @Override
  public void addScaled(float factor, float[] x, int xOffset, float[] y, int yOffset, int count) {
    FloatVector factors = FloatVector.broadcast(species, factor);
    int i = 0;
    for (; i <= count - lanes; i += lanes) {
      factors.fma(FloatVector.fromArray(species, x, xOffset + i), FloatVector.fromArray(species, y, yOffset + i))
          .intoArray(y, yOffset + i);
    }
    for (; i < count; i++) {
      y[yOffset + i] = Math.fma(factor, x[xOffset + i], y[yOffset + i]);
    }
  }

  @Override
  public float expSum(float[] x, int from, int count, float max) {
    int whole = count - count % LANES;
    float[] sums = new float[LANES];
    for (int lane = 0; lane < LANES; lane += lanes) {
      FloatVector sum = FloatVector.zero(species);
      for (int i = lane; i < whole; i += LANES) {
        FloatVector power = exp(FloatVector.fromArray(species, x, from + i).sub(max));
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
    return ScalarKernels.sumOfLanes(sums);
  }

  @Override
  public void attentionScores(float[] query, int queryOffset, KeyValuePages pages, int head, int limit, float scale,
      float[] scores) {
    int headSize = pages.headSize();
    for (int first = 0; first < limit; first += PAGE_POSITIONS) {
      float[] keys = pages.keys()[first / PAGE_POSITIONS];
      int base = head * headSize * PAGE_POSITIONS;
      for (int slot = 0; slot < PAGE_POSITIONS; slot += lanes) {
        FloatVector sum = FloatVector.zero(species);
        for (int d = 0; d < headSize; d++) {
          FloatVector key = FloatVector.fromArray(species, keys, base + d * PAGE_POSITIONS + slot);
          sum = FloatVector.broadcast(species, query[queryOffset + d]).fma(key, sum);
        }
        sum.mul(scale).intoArray(scores, first + slot);
      }
    }
  }

  @Override
  public void attentionValues(float[] weights, KeyValuePages pages, int head, int limit, float[] out, int outOffset) {
    int headSize = pages.headSize();
    Arrays.fill(out, outOffset, outOffset + headSize, 0f);
    int whole = headSize - headSize % lanes;
    for (int d = 0; d < whole; d += lanes) {
      FloatVector sum = FloatVector.zero(species);
      for (int position = 0; position < limit; position++) {
        float[] values = pages.values()[position / PAGE_POSITIONS];
        int offset = (head * PAGE_POSITIONS + position % PAGE_POSITIONS) * headSize + d;
        sum = FloatVector.broadcast(species, weights[position]).fma(FloatVector.fromArray(species, values, offset),
            sum);
      }
      sum.intoArray(out, outOffset + d);
    }
    for (int position = 0; position < limit && whole < headSize; position++) {
      float[] values = pages.values()[position / PAGE_POSITIONS];
      int offset = (head * PAGE_POSITIONS + position % PAGE_POSITIONS) * headSize;
      for (int d = whole; d < headSize; d++) {
        out[outOffset + d] = Math.fma(weights[position], values[offset + d], out[outOffset + d]);
      }
    }
  }
}
