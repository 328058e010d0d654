package io.llada.coordinator.dispatch;

import io.llada.model.config.MoeConfig;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.Routing;
import io.llada.proto.wire.DispatchPayload;
import java.util.Arrays;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.IntStream;

/// Token rows and their pairs, sorted by (group, token, expert): the whole of a layer, or the part for one node.
///
/// @param rows rows of some batch, `(any, hiddenSize)`
/// @param row where each token's row is in it
/// @param token which token of the layer's batch each one is
/// @param pairToken index into `row` and `token`, one per pair
/// @param pairExpert expert id, one per pair
/// @param pairWeight routing weight, one per pair
record RoutedRows(float[] rows, int[] row, int[] token, int[] pairToken, int[] pairExpert, float[] pairWeight) {
  /// The tokens `from .. to-1` of a layer.
  static RoutedRows of(float[] rows, Routing routing, int from, int to, MoeConfig moe) {
    int perToken = routing.expertsPerToken();
    Routing part = new Routing(to - from, perToken,
        Arrays.copyOfRange(routing.experts(), from * perToken, to * perToken),
        Arrays.copyOfRange(routing.weights(), from * perToken, to * perToken));
    ExpertBatch batch = ExpertBatch.of(0, rows, part, moe);
    int[] tokens = IntStream.range(from, to).toArray();
    return new RoutedRows(rows, tokens, tokens, batch.pairToken(), batch.pairExpert(), batch.pairWeight());
  }

  /// What a frame carries, read back.
  static RoutedRows of(DispatchPayload payload, int[] token) {
    return new RoutedRows(payload.rows(), IntStream.range(0, token.length).toArray(), token, payload.pairToken(),
        payload.pairExpert(), payload.pairWeight());
  }

  /// The groups that have pairs, ascending.
  SortedSet<Integer> groups(MoeConfig moe) {
    SortedSet<Integer> groups = new TreeSet<>();
    for (int expert : pairExpert) {
      groups.add(moe.groupOf(expert));
    }
    return groups;
  }

  /// The pairs of some groups, and the tokens these pairs use.
  RoutedRows only(SortedSet<Integer> groups, MoeConfig moe) {
    boolean[] wanted = new boolean[moe.groups()];
    groups.forEach(group -> wanted[group] = true);
    int[] pairs = IntStream.range(0, pairExpert.length).filter(pair -> wanted[moe.groupOf(pairExpert[pair])]).toArray();
    boolean[] used = new boolean[token.length];
    for (int pair : pairs) {
      used[pairToken[pair]] = true;
    }
    int[] kept = IntStream.range(0, used.length).filter(i -> used[i]).toArray();
    int[] position = new int[used.length];
    for (int i = 0; i < kept.length; i++) {
      position[kept[i]] = i;
    }
    int[] tokens = new int[pairs.length];
    int[] experts = new int[pairs.length];
    float[] weights = new float[pairs.length];
    for (int i = 0; i < pairs.length; i++) {
      tokens[i] = position[pairToken[pairs[i]]];
      experts[i] = pairExpert[pairs[i]];
      weights[i] = pairWeight[pairs[i]];
    }
    return new RoutedRows(rows, pick(row, kept), pick(token, kept), tokens, experts, weights);
  }

  private static int[] pick(int[] values, int[] indices) {
    return Arrays.stream(indices).map(i -> values[i]).toArray();
  }
}
