package io.llada.model.experts;

/// Token rows of one layer and the (token, expert) pairs to compute on them.
///
/// Pairs are sorted by (group, token, expert), each ascending, so that the pairs of one partial sum are neighbours in
/// the order in which they are added.
///
/// @param layer the MoE layer
/// @param tokens number of rows
/// @param rows `(tokens, hiddenSize)`, already rounded to the cluster's [ActivationType]
/// @param pairToken index into rows, one per pair
/// @param pairExpert expert id within the layer, one per pair
/// @param pairWeight routing weight, one per pair
public record ExpertBatch(int layer, int tokens, float[] rows, int[] pairToken, int[] pairExpert,
    float[] pairWeight) {
  public ExpertBatch {
    if (pairToken.length != pairExpert.length || pairToken.length != pairWeight.length) {
      throw new IllegalArgumentException("pairs disagree: %d tokens, %d experts, %d weights"
          .formatted(pairToken.length, pairExpert.length, pairWeight.length));
    }
  }

  public int pairs() {
    return pairToken.length;
  }
}
