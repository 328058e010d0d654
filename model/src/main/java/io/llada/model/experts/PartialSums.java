package io.llada.model.experts;

import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Workspace;
import java.util.Arrays;

/// The weighted sums of a token's experts inside one group, one row per (token, group), sorted by (group, token).
///
/// @param count number of partial sums; the arrays may be longer
/// @param token index of the token row in the batch, one per partial sum
/// @param group expert group, one per partial sum
/// @param rows `(partial sums, hiddenSize)`
public record PartialSums(int count, int[] token, int[] group, float[] rows) {
  /// Columns that a thread adds at least.
  private static final int COLUMNS = 64;

  public PartialSums(int[] token, int[] group, float[] rows) {
    this(token.length, token, group, rows);
  }

  /// A copy with arrays of its own, as long as there are sums.
  PartialSums copy(int hiddenSize) {
    return new PartialSums(Arrays.copyOf(token, count), Arrays.copyOf(group, count), Arrays.copyOf(rows, count
        * hiddenSize));
  }

  /// Adds the combined rows to `out`: for each token its groups in ascending order, summed from zero, then added once.
  ///
  /// @param out `(tokens, hiddenSize)`
  /// @param pool whose threads add
  public void addTo(float[] out, int tokens, int hiddenSize, ComputePool pool) {
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    float[] combined = workspace.floats(Math.multiplyExact(tokens, hiddenSize));
    // By columns, so that each thread has all groups of a token in order.
    pool.forRuns(hiddenSize, COLUMNS, 2L * (count + 2L * tokens), (from, to) -> {
      for (int token = 0; token < tokens; token++) {
        Arrays.fill(combined, token * hiddenSize + from, token * hiddenSize + to, 0f);
      }
      for (int partial = 0; partial < count; partial++) {
        add(rows, partial * hiddenSize, combined, token[partial] * hiddenSize, from, to);
      }
      for (int token = 0; token < tokens; token++) {
        add(combined, token * hiddenSize, out, token * hiddenSize, from, to);
      }
    });
    workspace.release(mark);
  }

  private static void add(float[] x, int xOffset, float[] y, int yOffset, int from, int to) {
    for (int i = from; i < to; i++) {
      y[yOffset + i] += x[xOffset + i];
    }
  }
}
