package io.llada.coordinator.dispatch;

import java.util.Collection;
import java.util.Comparator;
import java.util.SortedSet;
import java.util.TreeSet;

/// What is asked of one node at a time: a group's pairs of some tokens of a layer's batch, mostly of all. The sum of a
/// (token, group) is always computed as a whole, so it does not matter how a group is cut.
///
/// @param group expert group
/// @param from its first token
/// @param to behind its last token
record Portion(int group, int from, int to) implements Comparable<Portion> {
  private static final Comparator<Portion> ORDER = Comparator.comparingInt(Portion::group)
      .thenComparingInt(Portion::from);

  boolean has(int token) {
    return token >= from && token < to;
  }

  /// The tokens before one of them.
  Portion before(int token) {
    return new Portion(group, from, token);
  }

  /// One of the tokens and those behind it.
  Portion behind(int token) {
    return new Portion(group, token, to);
  }

  static SortedSet<Integer> groups(Collection<Portion> portions) {
    SortedSet<Integer> groups = new TreeSet<>();
    portions.forEach(portion -> groups.add(portion.group));
    return groups;
  }

  @Override
  public int compareTo(Portion other) {
    return ORDER.compare(this, other);
  }
}
