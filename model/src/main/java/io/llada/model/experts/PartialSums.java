package io.llada.model.experts;

import io.llada.model.kernel.Workspace;
import java.util.Arrays;

/// The weighted sums of a token's experts inside one group, one row per (token, group), sorted by (group, token).
///
/// @param count number of partial sums; the arrays may be longer
/// @param token index of the token row in the batch, one per partial sum
/// @param group expert group, one per partial sum
/// @param rows `(partial sums, hiddenSize)`
public record PartialSums(int count, int[] token, int[] group, float[] rows) {
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
  public void addTo(float[] out, int tokens, int hiddenSize) {
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    int size = Math.multiplyExact(tokens, hiddenSize);
    float[] combined = workspace.zeros(size);
    for (int partial = 0; partial < count; partial++) {
      int target = token[partial] * hiddenSize;
      for (int i = 0; i < hiddenSize; i++) {
        combined[target + i] += rows[partial * hiddenSize + i];
      }
    }
    for (int i = 0; i < size; i++) {
      out[i] += combined[i];
    }
    workspace.release(mark);
  }
}
