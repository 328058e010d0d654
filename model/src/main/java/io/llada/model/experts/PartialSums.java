package io.llada.model.experts;

/// The weighted sums of a token's experts inside one group, one row per (token, group), sorted by (group, token).
///
/// @param token index of the token row in the batch, one per partial sum
/// @param group expert group, one per partial sum
/// @param rows `(partial sums, hiddenSize)`
public record PartialSums(int[] token, int[] group, float[] rows) {
  public int count() {
    return token.length;
  }

  /// Adds the combined rows to `out`: for each token its groups in ascending order, summed from zero, then added once.
  ///
  /// @param out `(tokens, hiddenSize)`
  public void addTo(float[] out, int tokens, int hiddenSize) {
    float[] combined = new float[Math.multiplyExact(tokens, hiddenSize)];
    for (int partial = 0; partial < count(); partial++) {
      int target = token[partial] * hiddenSize;
      for (int i = 0; i < hiddenSize; i++) {
        combined[target + i] += rows[partial * hiddenSize + i];
      }
    }
    for (int i = 0; i < combined.length; i++) {
      out[i] += combined[i];
    }
  }
}
