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
}
