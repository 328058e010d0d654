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
  private static final int RUNS_PER_THREAD = 8;

  /// `(tokens, w.columns) -> (tokens, w.rows)`.
  ///
  /// @param workspace where the result is put
  float[] apply(PackedMatrix w, float[] x, int tokens, Workspace workspace) {
    return apply(w, kernels.rows(x, tokens, w.columns(), w.format(), workspace), workspace);
  }

  /// Likewise of rows that are ready for the matrix.
  private float[] apply(PackedMatrix w, TokenRows x, Workspace workspace) {
    int tokens = x.tokens();
    // Exact: from here on every index into x and y fits an int.
    float[] y = workspace.floats(Math.multiplyExact(tokens, w.rows()));
    // Runs of panels: large enough to be worth handing out, and enough of them to keep all busy.
    int run = Math.ceilDiv(w.panels(), pool.threads() * RUNS_PER_THREAD);
    long operations = (long) run * PackedMatrix.PANEL_ROWS * w.columns() * tokens;
    pool.forEach(Math.ceilDiv(w.panels(), run), operations, i -> {
      int from = i * run;
      kernels.multiply(w, from, Math.min(w.panels(), from + run), x, y, from * PackedMatrix.PANEL_ROWS, w
          .rows());
    });
    return y;
  }

  /// `down(silu(gate(x)) * up(x))`.
  ///
  /// @param workspace where the result is put
  float[] swiglu(SwigluWeights w, float[] x, int tokens, Workspace workspace) {
    TokenRows rows = kernels.rows(x, tokens, w.gate().columns(), w.gate().format(), workspace);
    float[] gate = apply(w.gate(), rows, workspace);
    float[] up = apply(w.up(), rows, workspace);
    kernels.swiglu(gate, up, 0, tokens * w.gate().rows());
    return apply(w.down(), gate, tokens, workspace);
  }

  /// RMSNorm of every row.
  ///
  /// @param workspace where the result is put
  float[] norm(float[] x, int rows, float[] weight, float epsilon, Workspace workspace) {
    int size = rows * weight.length;
    float[] y = workspace.floats(size);
    for (int row = 0; row < size; row += weight.length) {
      kernels.rmsNorm(x, row, weight, epsilon, y, row);
    }
    return y;
  }
}
