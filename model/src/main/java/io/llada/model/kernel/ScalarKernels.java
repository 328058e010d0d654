package io.llada.model.kernel;

import static io.llada.model.kernel.KeyValuePages.PAGE_POSITIONS;
import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;
import static io.llada.model.kernel.WeightFormat.GROUP;

/// The specification of every kernel: plain loops beside the formula.
public final class ScalarKernels implements Kernels {
  @Override
  public TokenRows room(float[] x, int tokens, int columns, WeightFormat format, Workspace workspace) {
    return format.isQuantised()
        ? TokenRows.rounded(tokens, columns, workspace)
        : new TokenRows(tokens, columns, x);
  }

  @Override
  public void round(float[] x, TokenRows rows, int from, int to) {
    int groups = rows.columns() / GROUP;
    for (int group = from * groups; rows.isRounded() && group < to * groups; group++) {
      roundGroup(x, group, rows);
    }
  }

  private static void roundGroup(float[] x, int group, TokenRows rows) {
    int from = group * GROUP;
    float most = 0;
    for (int i = from; i < from + GROUP; i++) {
      most = Math.max(most, Math.abs(x[i]));
    }
    int sum = 0;
    float inverse = most > TokenRows.LEAST ? TokenRows.MOST / most : 0;
    for (int i = from; i < from + GROUP; i++) {
      float rounded = x[i] * inverse + Exponential.ROUNDER - Exponential.ROUNDER;
      rows.values()[i] = rounded;
      rows.words()[i] = (short) rounded;
      sum += rows.words()[i];
    }
    rows.sums()[group] = sum;
    rows.scales()[group] = most / TokenRows.MOST;
  }

  @Override
  public void multiply(PackedMatrix w, int fromPanel, int toPanel, TokenRows x, float[] y, int yOffset, int stride) {
    x.requireFor(w);
    int firstRow = fromPanel * PANEL_ROWS;
    int lastRow = Math.min(w.rows(), toPanel * PANEL_ROWS);
    for (int token = 0; token < x.tokens(); token++) {
      for (int row = firstRow; row < lastRow; row++) {
        y[token * stride + yOffset + row - firstRow] = w.format().isQuantised()
            ? integerDot(w, row, x, token)
            : dot(w, row, x.values(), token * w.columns());
      }
    }
  }

  private static float dot(PackedMatrix w, int row, float[] x, int offset) {
    float sum = 0;
    for (int column = 0; column < w.columns(); column++) {
      sum = Math.fma(w.at(row, column), x[offset + column], sum);
    }
    return sum;
  }

  private static float integerDot(PackedMatrix w, int row, TokenRows x, int token) {
    float sum = 0;
    for (int group = 0; group < w.columns(); group += GROUP) {
      int part = 0;
      for (int column = group; column < group + GROUP; column++) {
        part += w.quantisedAt(row, column) * x.words()[token * w.columns() + column];
      }
      float xScale = x.scales()[(token * w.columns() + group) / GROUP];
      sum = Math.fma(part * w.scaleAt(row, group), xScale, sum);
    }
    return sum;
  }

  @Override
  public void rmsNorm(float[] x, int xOffset, float[] weight, float epsilon, float[] y, int yOffset) {
    float[] lanes = new float[LANES];
    for (int i = 0; i < weight.length; i++) {
      float value = x[xOffset + i];
      lanes[i % LANES] = Math.fma(value, value, lanes[i % LANES]);
    }
    float scale = inverseRoot(sumOfLanes(lanes), weight.length, epsilon);
    for (int i = 0; i < weight.length; i++) {
      y[yOffset + i] = x[xOffset + i] * scale * weight[i];
    }
  }

  static float inverseRoot(float sumOfSquares, int count, float epsilon) {
    return (float) (1.0 / Math.sqrt(sumOfSquares / count + epsilon));
  }

  /// Adds the lanes pairwise; changes them.
  static float sumOfLanes(float[] lanes) {
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        lanes[i] += lanes[i + half];
      }
    }
    return lanes[0];
  }

  @Override
  public void swiglu(float[] gate, float[] up, int from, int to) {
    for (int i = from; i < to; i++) {
      gate[i] = gate[i] / (1f + Exponential.exp(-gate[i])) * up[i];
    }
  }

  @Override
  public void roundToBf16(float[] x, int from, int to) {
    for (int i = from; i < to; i++) {
      x[i] = Bf16.value(Bf16.bits(x[i]));
    }
  }

  @Override
  public void addScaled(float factor, float[] x, int xOffset, float[] y, int yOffset, int count) {
    for (int i = 0; i < count; i++) {
      y[yOffset + i] = Math.fma(factor, x[xOffset + i], y[yOffset + i]);
    }
  }

  @Override
  public float expSum(float[] x, int from, int count, float max) {
    float[] lanes = new float[LANES];
    for (int i = 0; i < count; i++) {
      float value = Exponential.exp(x[from + i] - max);
      x[from + i] = value;
      lanes[i % LANES] += value;
    }
    return sumOfLanes(lanes);
  }

  @Override
  public float max(float[] x, int from, int count) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = from; i < from + count; i++) {
      max = Math.max(max, x[i]);
    }
    return max;
  }

  @Override
  public void sigmoid(float[] x, int from, int to) {
    for (int i = from; i < to; i++) {
      x[i] = 1f / (1f + Exponential.exp(-x[i]));
    }
  }

  @Override
  public void attentionScores(float[] queries, int rows, int headSize, float[] keys, float scale, float[] scores,
      int page, int stride) {
    for (int row = 0; row < rows; row++) {
      for (int p = 0; p < PAGE_POSITIONS; p++) {
        float sum = 0;
        for (int d = 0; d < headSize; d++) {
          sum = Math.fma(queries[row * headSize + d], keys[d * PAGE_POSITIONS + p], sum);
        }
        scores[row * stride + page * PAGE_POSITIONS + p] = sum * scale;
      }
    }
  }

  @Override
  public void attentionValues(float[] weights, int page, int stride, int rows, float[] values, int positions,
      float[] out, int headSize) {
    for (int row = 0; row < rows; row++) {
      for (int d = 0; d < headSize; d++) {
        for (int p = 0; p < positions; p++) {
          float weight = weights[row * stride + page * PAGE_POSITIONS + p];
          out[row * headSize + d] = Math.fma(weight, values[p * headSize + d], out[row * headSize + d]);
        }
      }
    }
  }
}
