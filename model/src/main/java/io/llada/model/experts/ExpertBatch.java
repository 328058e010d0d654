package io.llada.model.experts;

import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.Workspace;
import java.util.Arrays;

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
  /// What the sort key of [#of] has room for.
  private static final int MOST_TOKENS = 1 << 20;

  public ExpertBatch {
    if (pairToken.length != pairExpert.length || pairToken.length != pairWeight.length) {
      throw new IllegalArgumentException("pairs disagree: %d tokens, %d experts, %d weights"
          .formatted(pairToken.length, pairExpert.length, pairWeight.length));
    }
  }

  /// Every pair of a routing, over all its tokens.
  ///
  /// @param rows `(routing.tokens, hiddenSize)`; kept
  public static ExpertBatch of(int layer, float[] rows, Routing routing, MoeConfig moe) {
    if (routing.tokens() > MOST_TOKENS) {
      throw new IllegalArgumentException("%d tokens in a batch, at most %d".formatted(routing.tokens(), MOST_TOKENS));
    }
    int pairs = routing.experts().length;
    // Group, token and expert packed into one number sort as the order asks; the pair's index rides along.
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    long[] order = workspace.longs(pairs);
    for (int i = 0; i < pairs; i++) {
      int expert = routing.experts()[i];
      long token = i / routing.expertsPerToken();
      order[i] = (((long) moe.groupOf(expert) << 20 | token) << 10 | expert) << 24 | i % routing.expertsPerToken();
    }
    Arrays.sort(order, 0, pairs);
    int[] pairToken = new int[pairs];
    int[] pairExpert = new int[pairs];
    float[] pairWeight = new float[pairs];
    for (int i = 0; i < pairs; i++) {
      pairToken[i] = (int) (order[i] >>> 34) & 0xfffff;
      pairExpert[i] = (int) (order[i] >>> 24) & 0x3ff;
      int choice = (int) order[i] & 0xffffff;
      pairWeight[i] = routing.weights()[pairToken[i] * routing.expertsPerToken() + choice];
    }
    workspace.release(mark);
    return new ExpertBatch(layer, routing.tokens(), rows, pairToken, pairExpert, pairWeight);
  }

  public int pairs() {
    return pairToken.length;
  }
}
