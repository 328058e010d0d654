package io.llada.model.layer;

import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.TokenRows;
import io.llada.model.kernel.Workspace;

/// Matrix products over all threads.
///
/// @param kernels the arithmetic
/// @param pool the threads
record Linear(Kernels kernels, ComputePool pool) {
  private static final int ADDED_BY_ONE = 1024;

  /// `(tokens, w.columns) -> (tokens, w.rows)`.
  ///
  /// @param workspace where the result is put
  float[] apply(PackedMatrix w, float[] x, int tokens, Workspace workspace) {
    return apply(w, rows(w, x, tokens, workspace), workspace);
  }

  /// Rows made ready for a matrix.
  ///
  /// @param workspace where they are put
  TokenRows rows(PackedMatrix w, float[] x, int tokens, Workspace workspace) {
    TokenRows rows = kernels.room(x, tokens, w.columns(), w.format(), workspace);
    kernels.round(x, rows, pool);
    return rows;
  }

  /// Likewise of rows that are ready for the matrix.
  private float[] apply(PackedMatrix w, TokenRows x, Workspace workspace) {
    int tokens = x.tokens();
    // Exact: from here on every index into x and y fits an int.
    float[] y = workspace.floats(Math.multiplyExact(tokens, w.rows()));
    pool.forRuns(w.panels(), 1, (long) PackedMatrix.PANEL_ROWS * w.columns() * tokens, (from, to) -> kernels.multiply(w,
        from, to, x, y, from * PackedMatrix.PANEL_ROWS, w.rows()));
    return y;
  }

  /// `down(silu(gate(x)) * up(x))`.
  ///
  /// @param workspace where the result is put
  float[] swiglu(SwigluWeights w, float[] x, int tokens, Workspace workspace) {
    TokenRows rows = rows(w.gate(), x, tokens, workspace);
    float[] gate = apply(w.gate(), rows, workspace);
    float[] up = apply(w.up(), rows, workspace);
    int width = w.gate().rows();
    // As long as a multiplication by a hundred columns.
    pool.forRuns(tokens, 1, 100L * width, (from, to) -> kernels.swiglu(gate, up, from * width, to * width));
    return apply(w.down(), gate, tokens, workspace);
  }

  /// RMSNorm of every row.
  ///
  /// @param workspace where the result is put
  float[] norm(float[] x, int rows, float[] weight, float epsilon, Workspace workspace) {
    int width = weight.length;
    float[] y = workspace.floats(rows * width);
    pool.forRuns(rows, 1, 2 * ComputePool.ELEMENT_OPERATIONS * width, (from, to) -> {
      for (int row = from; row < to; row++) {
        kernels.rmsNorm(x, row * width, weight, epsilon, y, row * width);
      }
    });
    return y;
  }

  /// `x += y`, elements of rows.
  void add(float[] x, float[] y, int count) {
    pool.forRuns(count, ADDED_BY_ONE, ComputePool.ELEMENT_OPERATIONS, (from, to) -> {
      for (int i = from; i < to; i++) {
        x[i] += y[i];
      }
    });
  }
}
