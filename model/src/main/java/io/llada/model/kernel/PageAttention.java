package io.llada.model.kernel;

import static io.llada.model.kernel.KeyValuePages.PAGE_POSITIONS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// Attention of query rows to one page. Eight rows share each load of keys or values; written out for the reason told
/// at [F32Multiply].
final class PageAttention {
  private static final VectorSpecies<Float> FLOATS = VectorKernels.SPECIES;
  private static final int VECTOR = FLOATS.length();
  private static final int HALF_PAGE = PAGE_POSITIONS / 2;

  private PageAttention() {}

  /// Scores of eight query rows from `query` on, for positions `slot ..` and `slot + HALF_PAGE ..` of the page.
  static void scores(float[] queries, int query, int headSize, float[] keys, int slot, float scale, float[] scores,
      int target, int stride) {
    int q1 = query + headSize;
    int q2 = q1 + headSize;
    int q3 = q2 + headSize;
    int q4 = q3 + headSize;
    int q5 = q4 + headSize;
    int q6 = q5 + headSize;
    int q7 = q6 + headSize;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
    FloatVector a4 = a0;
    FloatVector b4 = a0;
    FloatVector a5 = a0;
    FloatVector b5 = a0;
    FloatVector a6 = a0;
    FloatVector b6 = a0;
    FloatVector a7 = a0;
    FloatVector b7 = a0;
    for (int d = 0; d < headSize; d++) {
      FloatVector lower = FloatVector.fromArray(FLOATS, keys, d * PAGE_POSITIONS + slot);
      FloatVector upper = FloatVector.fromArray(FLOATS, keys, d * PAGE_POSITIONS + slot + HALF_PAGE);
      FloatVector v0 = FloatVector.broadcast(FLOATS, queries[query + d]);
      a0 = v0.fma(lower, a0);
      b0 = v0.fma(upper, b0);
      FloatVector v1 = FloatVector.broadcast(FLOATS, queries[q1 + d]);
      a1 = v1.fma(lower, a1);
      b1 = v1.fma(upper, b1);
      FloatVector v2 = FloatVector.broadcast(FLOATS, queries[q2 + d]);
      a2 = v2.fma(lower, a2);
      b2 = v2.fma(upper, b2);
      FloatVector v3 = FloatVector.broadcast(FLOATS, queries[q3 + d]);
      a3 = v3.fma(lower, a3);
      b3 = v3.fma(upper, b3);
      FloatVector v4 = FloatVector.broadcast(FLOATS, queries[q4 + d]);
      a4 = v4.fma(lower, a4);
      b4 = v4.fma(upper, b4);
      FloatVector v5 = FloatVector.broadcast(FLOATS, queries[q5 + d]);
      a5 = v5.fma(lower, a5);
      b5 = v5.fma(upper, b5);
      FloatVector v6 = FloatVector.broadcast(FLOATS, queries[q6 + d]);
      a6 = v6.fma(lower, a6);
      b6 = v6.fma(upper, b6);
      FloatVector v7 = FloatVector.broadcast(FLOATS, queries[q7 + d]);
      a7 = v7.fma(lower, a7);
      b7 = v7.fma(upper, b7);
    }
    a0.mul(scale).intoArray(scores, target);
    b0.mul(scale).intoArray(scores, target + HALF_PAGE);
    a1.mul(scale).intoArray(scores, target + stride);
    b1.mul(scale).intoArray(scores, target + stride + HALF_PAGE);
    a2.mul(scale).intoArray(scores, target + 2 * stride);
    b2.mul(scale).intoArray(scores, target + 2 * stride + HALF_PAGE);
    a3.mul(scale).intoArray(scores, target + 3 * stride);
    b3.mul(scale).intoArray(scores, target + 3 * stride + HALF_PAGE);
    a4.mul(scale).intoArray(scores, target + 4 * stride);
    b4.mul(scale).intoArray(scores, target + 4 * stride + HALF_PAGE);
    a5.mul(scale).intoArray(scores, target + 5 * stride);
    b5.mul(scale).intoArray(scores, target + 5 * stride + HALF_PAGE);
    a6.mul(scale).intoArray(scores, target + 6 * stride);
    b6.mul(scale).intoArray(scores, target + 6 * stride + HALF_PAGE);
    a7.mul(scale).intoArray(scores, target + 7 * stride);
    b7.mul(scale).intoArray(scores, target + 7 * stride + HALF_PAGE);
  }

  /// Adds the page's weighted values to eight rows of `out` from `target` on, for two vectors of dimensions from `d` on.
  static void twoVectors(float[] weights, int weight, int stride, float[] values, int d, int positions, float[] out,
      int target, int headSize) {
    int t0 = target + d;
    int t1 = t0 + headSize;
    int t2 = t1 + headSize;
    int t3 = t2 + headSize;
    int t4 = t3 + headSize;
    int t5 = t4 + headSize;
    int t6 = t5 + headSize;
    int t7 = t6 + headSize;
    FloatVector a0 = FloatVector.fromArray(FLOATS, out, t0);
    FloatVector b0 = FloatVector.fromArray(FLOATS, out, t0 + VECTOR);
    FloatVector a1 = FloatVector.fromArray(FLOATS, out, t1);
    FloatVector b1 = FloatVector.fromArray(FLOATS, out, t1 + VECTOR);
    FloatVector a2 = FloatVector.fromArray(FLOATS, out, t2);
    FloatVector b2 = FloatVector.fromArray(FLOATS, out, t2 + VECTOR);
    FloatVector a3 = FloatVector.fromArray(FLOATS, out, t3);
    FloatVector b3 = FloatVector.fromArray(FLOATS, out, t3 + VECTOR);
    FloatVector a4 = FloatVector.fromArray(FLOATS, out, t4);
    FloatVector b4 = FloatVector.fromArray(FLOATS, out, t4 + VECTOR);
    FloatVector a5 = FloatVector.fromArray(FLOATS, out, t5);
    FloatVector b5 = FloatVector.fromArray(FLOATS, out, t5 + VECTOR);
    FloatVector a6 = FloatVector.fromArray(FLOATS, out, t6);
    FloatVector b6 = FloatVector.fromArray(FLOATS, out, t6 + VECTOR);
    FloatVector a7 = FloatVector.fromArray(FLOATS, out, t7);
    FloatVector b7 = FloatVector.fromArray(FLOATS, out, t7 + VECTOR);
    int w1 = weight + stride;
    int w2 = w1 + stride;
    int w3 = w2 + stride;
    int w4 = w3 + stride;
    int w5 = w4 + stride;
    int w6 = w5 + stride;
    int w7 = w6 + stride;
    for (int p = 0; p < positions; p++) {
      FloatVector lower = FloatVector.fromArray(FLOATS, values, p * headSize + d);
      FloatVector upper = FloatVector.fromArray(FLOATS, values, p * headSize + d + VECTOR);
      FloatVector v0 = FloatVector.broadcast(FLOATS, weights[weight + p]);
      a0 = v0.fma(lower, a0);
      b0 = v0.fma(upper, b0);
      FloatVector v1 = FloatVector.broadcast(FLOATS, weights[w1 + p]);
      a1 = v1.fma(lower, a1);
      b1 = v1.fma(upper, b1);
      FloatVector v2 = FloatVector.broadcast(FLOATS, weights[w2 + p]);
      a2 = v2.fma(lower, a2);
      b2 = v2.fma(upper, b2);
      FloatVector v3 = FloatVector.broadcast(FLOATS, weights[w3 + p]);
      a3 = v3.fma(lower, a3);
      b3 = v3.fma(upper, b3);
      FloatVector v4 = FloatVector.broadcast(FLOATS, weights[w4 + p]);
      a4 = v4.fma(lower, a4);
      b4 = v4.fma(upper, b4);
      FloatVector v5 = FloatVector.broadcast(FLOATS, weights[w5 + p]);
      a5 = v5.fma(lower, a5);
      b5 = v5.fma(upper, b5);
      FloatVector v6 = FloatVector.broadcast(FLOATS, weights[w6 + p]);
      a6 = v6.fma(lower, a6);
      b6 = v6.fma(upper, b6);
      FloatVector v7 = FloatVector.broadcast(FLOATS, weights[w7 + p]);
      a7 = v7.fma(lower, a7);
      b7 = v7.fma(upper, b7);
    }
    a0.intoArray(out, t0);
    b0.intoArray(out, t0 + VECTOR);
    a1.intoArray(out, t1);
    b1.intoArray(out, t1 + VECTOR);
    a2.intoArray(out, t2);
    b2.intoArray(out, t2 + VECTOR);
    a3.intoArray(out, t3);
    b3.intoArray(out, t3 + VECTOR);
    a4.intoArray(out, t4);
    b4.intoArray(out, t4 + VECTOR);
    a5.intoArray(out, t5);
    b5.intoArray(out, t5 + VECTOR);
    a6.intoArray(out, t6);
    b6.intoArray(out, t6 + VECTOR);
    a7.intoArray(out, t7);
    b7.intoArray(out, t7 + VECTOR);
  }

  /// The same for what two vectors leave: one row, one dimension at a time.
  static void oneDimension(float[] weights, int weight, float[] values, int d, int positions, float[] out, int target,
      int headSize) {
    float sum = out[target + d];
    for (int p = 0; p < positions; p++) {
      sum = Math.fma(weights[weight + p], values[p * headSize + d], sum);
    }
    out[target + d] = sum;
  }
}
