package io.llada.model.kernel;

import java.util.OptionalDouble;

/// The arithmetic every layer is made of.
///
/// Contract of all implementations: **the same bits**. Each method's summation order is part of its specification and
/// depends on nothing but the row itself, never on other rows, tiles, vector width or threads. [ScalarKernels] is the
/// specification in plain loops, [VectorKernels] its fast twin, [NativeKernels] a faster one for matrix products.
/// All are thread-safe: what they need beside their arguments comes from the thread's [Workspace].
public interface Kernels {
  /// Lanes of sums over a row: element `i` goes to lane `i mod 16`, then lanes are added pairwise (i, i+8), (i, i+4),
  /// (i, i+2), (i, i+1).
  int LANES = 16;

  /// Name of this arithmetic. Processes with equal names compute equal bits.
  default String numericsClass() {
    return "cpu-f32-panel32";
  }

  /// Token rows for matrices of a format. The integer formats round them (see [TokenRows]): with `most` the largest
  /// magnitude of a group, its scale is `most / 127` and its elements are multiplied by `127 / most` and rounded to the
  /// nearest integer, ties to even.
  ///
  /// @param x `(tokens, columns)`; kept where it is not rounded
  /// @param workspace where rounded rows are put; they last until it is released
  default TokenRows rows(float[] x, int tokens, int columns, WeightFormat format, Workspace workspace) {
    TokenRows rows = room(x, tokens, columns, format, workspace);
    round(x, rows, 0, tokens);
    return rows;
  }

  /// The room of [#rows], to be filled by [#round].
  TokenRows room(float[] x, int tokens, int columns, WeightFormat format, Workspace workspace);

  /// Rounds the tokens `from .. to-1` into their room; nothing where the format rounds nothing. Several threads may
  /// round different tokens.
  ///
  /// @param from a multiple of [#TOKEN_RUN]
  void round(float[] x, TokenRows rows, int from, int to);

  /// Rounds all tokens, on all threads.
  default void round(float[] x, TokenRows rows, ComputePool pool) {
    pool.forRuns(rows.tokens(), TOKEN_RUN, ComputePool.ELEMENT_OPERATIONS * rows.columns(), (from, to) -> round(x, rows,
        from, to));
  }

  /// Tokens that one thread rounds at least: whole tiles of those that are put in order.
  int TOKEN_RUN = IntegerTiles.TOKENS;

  /// As [#rows], lasting as long as they are used.
  default TokenRows rows(float[] x, int tokens, int columns, WeightFormat format) {
    return rows(x, tokens, columns, format, new Workspace());
  }

  /// `y[t, r] = sum over ascending c of w[r, c] * x[t, c]`, each term a fused multiply-add onto the sum, from zero.
  /// Integer formats: for each quantisation group in turn, the exact integer sum of its products is multiplied by the
  /// weights' scale, then by the activations' scale in a fused multiply-add onto the whole.
  ///
  /// @param w `(rows, columns)`
  /// @param fromPanel first panel to compute
  /// @param toPanel panel after the last one
  /// @param x `(tokens, columns)`, from [#rows] for the format of `w`
  /// @param y `(tokens, stride)`; row `r` of `w` goes to column `r - 32 * fromPanel + yOffset`
  /// @param yOffset column of `y` where the first panel's results go
  /// @param stride columns of `y`
  void multiply(PackedMatrix w, int fromPanel, int toPanel, TokenRows x, float[] y, int yOffset, int stride);

  /// RMSNorm of one row (Zhang and Sennrich, 2019): `y = x / sqrt(mean(x^2) + epsilon) * weight`; the sum of squares
  /// in [#LANES] lanes of fused multiply-adds.
  ///
  /// @param x row at `xOffset`, `weight.length` wide
  /// @param y target row at `yOffset`; may be `x` itself
  void rmsNorm(float[] x, int xOffset, float[] weight, float epsilon, float[] y, int yOffset);

  /// `gate[i] = silu(gate[i]) * up[i]` with `silu(v) = v / (1 + exp(-v))` (Shazeer, 2020).
  void swiglu(float[] gate, float[] up, int from, int to);

  /// `y[yOffset + i] = fma(factor, x[xOffset + i], y[yOffset + i])` for `count` elements.
  void addScaled(float factor, float[] x, int xOffset, float[] y, int yOffset, int count);

  /// Rounds the elements `from .. to-1` to BF16, see [Bf16#bits].
  void roundToBf16(float[] x, int from, int to);

  /// Replaces `x` by `exp(x - max)` and returns the sum in [#LANES] lanes (lane counted from `from`).
  float expSum(float[] x, int from, int count, float max);

  /// The largest of `count` elements; minus infinity of none, NaN if any is NaN.
  float max(float[] x, int from, int count);

  /// Replaces each element by `1 / (1 + exp(-x))`.
  void sigmoid(float[] x, int from, int to);

  /// Rows of queries that attention takes at a time.
  int QUERY_ROWS = 8;

  /// Scores of query rows against one page of keys: `scores[r, 32 * page + p] = scale * sum over ascending d of
  /// queries[r, d] * keys[d, p]`, fused multiply-adds from zero.
  ///
  /// @param queries `(rows, headSize)`
  /// @param rows a multiple of [#QUERY_ROWS]
  /// @param keys `(headSize, 32)`
  /// @param scores `(rows, stride)`
  /// @param stride a multiple of 32
  void attentionScores(float[] queries, int rows, int headSize, float[] keys, float scale, float[] scores, int page,
      int stride);

  /// Adds one page of weighted values: `out[r, d] = fma(weights[r, 32 * page + p], values[p, d], out[r, d])` for
  /// ascending `p < positions`.
  ///
  /// @param weights `(rows, stride)`
  /// @param rows a multiple of [#QUERY_ROWS]
  /// @param values `(32, headSize)`
  /// @param positions of the page, 1..32
  /// @param out `(rows, headSize)`
  void attentionValues(float[] weights, int page, int stride, int rows, float[] values, int positions, float[] out,
      int headSize);

  /// Operations per second (a multiply-add is two) of the instruction that multiplies integer formats, on registers
  /// alone, where that is another than F32's fused multiply-add. Like [MachineLimits], a single measurement.
  ///
  /// @param pool whose threads measure
  default OptionalDouble integerOperationsPerSecond(ComputePool pool) {
    return OptionalDouble.empty();
  }

  /// The fastest kernels that need nothing but Java.
  static Kernels best() {
    return new VectorKernels();
  }
}
