package io.llada.model.unmasking;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/// Orders positions by a score, the lower position first on ties.
final class Ranking {
  private Ranking() {}

  /// The `count` best of `positions` by `scores[position]` (all of them if there are fewer), ascending by position.
  static int[] best(int[] positions, int count, float[] scores) {
    return IntStream.of(positions).boxed()
        .sorted(Comparator.comparingDouble((Integer position) -> -scores[position]).thenComparing(Comparator
            .naturalOrder()))
        .limit(count).mapToInt(Integer::intValue).sorted().toArray();
  }

  /// Those of `positions` whose score is above a threshold, strictly.
  static int[] above(int[] positions, float threshold, float[] scores) {
    return Arrays.stream(positions).filter(position -> scores[position] > threshold).toArray();
  }
}
