package io.llada.model.layer;

import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.PackedMatrix;

/// Matrix products over all threads.
///
/// @param kernels the arithmetic
/// @param pool the threads
record Linear(Kernels kernels, ComputePool pool) {
  private static final int RUNS_PER_THREAD = 8;

  /// `(tokens, w.columns) -> (tokens, w.rows)`.
  float[] apply(PackedMatrix w, float[] x, int tokens) {
    // Exact: from here on every index into x and y fits an int.
    float[] y = new float[Math.multiplyExact(tokens, w.rows())];
    // Runs of panels: what a kernel prepares of x is shared by a run, and there are enough runs to keep all busy.
    int run = Math.ceilDiv(w.panels(), pool.threads() * RUNS_PER_THREAD);
    long operations = (long) run * PackedMatrix.PANEL_ROWS * w.columns() * tokens;
    pool.forEach(Math.ceilDiv(w.panels(), run), operations, i -> {
      int from = i * run;
      kernels.multiply(w, from, Math.min(w.panels(), from + run), x, tokens, y, from * PackedMatrix.PANEL_ROWS, w
          .rows());
    });
    return y;
  }

  /// `down(silu(gate(x)) * up(x))`.
  float[] swiglu(SwigluWeights w, float[] x, int tokens) {
    float[] gate = apply(w.gate(), x, tokens);
    float[] up = apply(w.up(), x, tokens);
    kernels.swiglu(gate, up, 0, gate.length);
    return apply(w.down(), gate, tokens);
  }

  /// RMSNorm of every row.
  float[] norm(float[] x, float[] weight, float epsilon) {
    float[] y = new float[x.length];
    for (int row = 0; row < x.length; row += weight.length) {
      kernels.rmsNorm(x, row, weight, epsilon, y, row);
    }
    return y;
  }
}
