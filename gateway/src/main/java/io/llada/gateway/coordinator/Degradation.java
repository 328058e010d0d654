package io.llada.gateway.coordinator;

import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What an answer went without.
 *
 * @param layers in which expert groups were missing
 * @param groups that were missing in some of them
 * @param tokens rows not computed: one for each token, layer and missing group, in each forward pass
 */
public record Degradation(SortedSet<Integer> layers, SortedSet<Integer> groups, long tokens) {
  public static final Degradation NONE = new Degradation(new TreeSet<>(), new TreeSet<>(), 0);

  public boolean isNone() {
    return tokens == 0;
  }

  /** Both together. */
  Degradation plus(Degradation other) {
    return new Degradation(union(layers, other.layers), union(groups, other.groups), tokens + other.tokens);
  }

  private static SortedSet<Integer> union(SortedSet<Integer> some, SortedSet<Integer> more) {
    SortedSet<Integer> all = new TreeSet<>(some);
    all.addAll(more);
    return all;
  }
}
