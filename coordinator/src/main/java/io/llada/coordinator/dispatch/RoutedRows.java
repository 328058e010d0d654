package io.llada.coordinator.dispatch;

import io.llada.model.config.MoeConfig;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.Routing;
import io.llada.proto.wire.DispatchPayload;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.OptionalInt;
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

  /// The groups that have pairs, ascending, each with all its tokens.
  SortedSet<Portion> portions(MoeConfig moe) {
    SortedSet<Portion> portions = new TreeSet<>();
    int pair = 0;
    while (pair < pairExpert.length) {
      int group = moe.groupOf(pairExpert[pair]);
      portions.add(new Portion(group, token[0], token[token.length - 1] + 1));
      pair = firstPair(group + 1, moe);
    }
    return portions;
  }

  /// Index of the first pair of a group or of those behind it.
  private int firstPair(int group, MoeConfig moe) {
    int firstExpert = group * moe.expertsPerGroup();
    int from = 0;
    int to = pairExpert.length;
    while (from < to) {
      int middle = (from + to) >>> 1;
      if (pairExpert[middle] < firstExpert) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from;
  }

  /// How many pairs some portions have.
  ///
  /// @param portions ascending
  int pairs(Collection<Portion> portions, MoeConfig moe) {
    return pairsOf(portions, moe).length;
  }

  /// Where to cut a portion, so that about so many of its pairs, but never all, lie behind it.
  ///
  /// @return a token of it but the first one; empty when it has only one
  OptionalInt cut(Portion portion, int pairs, MoeConfig moe) {
    int[] own = pairsOf(List.of(portion), moe);
    int first = token[pairToken[own[0]]];
    return Arrays.stream(own, Math.max(0, own.length - pairs), own.length).map(pair -> token[pairToken[pair]])
        .filter(candidate -> candidate > first).findFirst();
  }

  /// Indices of the pairs of some portions, both ascending: a group's pairs are neighbours.
  private int[] pairsOf(Collection<Portion> portions, MoeConfig moe) {
    int[] found = new int[pairExpert.length];
    int count = 0;
    for (Portion portion : portions) {
      int end = firstPair(portion.group() + 1, moe);
      for (int pair = firstPair(portion.group(), moe); pair < end; pair++) {
        if (portion.has(token[pairToken[pair]])) {
          found[count++] = pair;
        }
      }
    }
    return Arrays.copyOf(found, count);
  }

  /// The pairs of some portions, and the tokens these pairs use.
  ///
  /// @param portions ascending
  RoutedRows only(Collection<Portion> portions, MoeConfig moe) {
    int[] pairs = pairsOf(portions, moe);
    boolean[] used = new boolean[token.length];
    for (int pair : pairs) {
      used[pairToken[pair]] = true;
    }
    int[] kept = new int[used.length];
    int[] position = new int[used.length];
    int count = 0;
    for (int i = 0; i < used.length; i++) {
      if (used[i]) {
        position[i] = count;
        kept[count++] = i;
      }
    }
    int[] tokens = new int[pairs.length];
    int[] experts = new int[pairs.length];
    float[] weights = new float[pairs.length];
    for (int i = 0; i < pairs.length; i++) {
      tokens[i] = position[pairToken[pairs[i]]];
      experts[i] = pairExpert[pairs[i]];
      weights[i] = pairWeight[pairs[i]];
    }
    return new RoutedRows(rows, pick(row, kept, count), pick(token, kept, count), tokens, experts, weights);
  }

  private static int[] pick(int[] values, int[] indices, int count) {
    int[] picked = new int[count];
    for (int i = 0; i < count; i++) {
      picked[i] = values[indices[i]];
    }
    return picked;
  }
}
