package io.llada.coordinator.dispatch;

import io.llada.model.config.MoeConfig;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// A layer's pairs divided among nodes, all at once, so that the slowest is done as soon as can be: a step waits for it.
///
/// Heavy portions first, each to the owner that would be done with it first. Then, where that leaves one node with
/// clearly more than another that holds the same shard, a portion is cut between the two. The same input gives the same
/// division: of equals, the first in order.
final class Division {
  /// A cut must move at least this part of what the slowest node takes,
  private static final double LEAST_GAIN = 0.02;
  /// and so many pairs: a frame more, and expert weights that two nodes read, cost something too.
  private static final int LEAST_PAIRS = 8;
  private static final int MOST_CUTS = 32;

  private final RoutedRows rows;
  private final MoeConfig moe;
  private final Map<Portion, List<String>> owners;
  private final SortedMap<String, Node> nodes;
  private final Map<Portion, Integer> sizes = new HashMap<>();
  private final Map<String, Integer> pairs = new HashMap<>();
  private final SortedMap<String, SortedSet<Portion>> chosen = new TreeMap<>();

  /// What is known of a node.
  ///
  /// @param slowness time it takes beside the others
  /// @param pendingPairs what it has to do already
  record Node(double slowness, int pendingPairs) {}

  /// A portion that could be cut between two of its owners.
  ///
  /// @param width how much longer the first one takes, as [#time]
  private record Gap(Portion portion, String from, String to, double width) {}

  /// @param rows what is to be computed
  /// @param owners who may be asked for each portion, by name; nobody for some
  /// @param nodes all of the owners
  Division(RoutedRows rows, MoeConfig moe, Map<Portion, List<String>> owners, SortedMap<String, Node> nodes) {
    this.rows = rows;
    this.moe = moe;
    this.owners = new HashMap<>(owners);
    this.nodes = nodes;
    nodes.forEach((name, node) -> pairs.put(name, node.pendingPairs()));
    give(owners.keySet());
  }

  private void give(Collection<Portion> portions) {
    Comparator<Portion> heaviest = Comparator.comparingInt(portion -> -size(portion));
    portions.stream().sorted(heaviest.thenComparing(Comparator.naturalOrder()))
        .forEach(portion -> owners.get(portion).stream()
            .min(Comparator.comparingDouble(node -> time(node, size(portion))))
            .ifPresent(node -> put(node, portion)));
  }

  private int size(Portion portion) {
    return sizes.computeIfAbsent(portion, counted -> rows.pairs(List.of(counted), moe));
  }

  private void put(String node, Portion portion) {
    chosen.computeIfAbsent(node, name -> new TreeSet<>()).add(portion);
    pairs.merge(node, size(portion), Integer::sum);
  }

  /// What a node takes with some more pairs, in pairs of a usual node.
  private double time(String node, int more) {
    return nodes.get(node).slowness() * (pairs.get(node) + more);
  }

  /// Cuts portions between their owners, the widest gap first, as long as the slowest node can be relieved.
  Division levelled() {
    int cuts = 0;
    while (cuts < MOST_CUTS && isSlowestDivisible() && widestGap().filter(this::close).isPresent()) {
      cuts++;
    }
    return this;
  }

  private boolean isSlowestDivisible() {
    return chosen.keySet().stream().max(Comparator.comparingDouble(node -> time(node, 0)))
        .filter(slowest -> divisible(slowest).findAny().isPresent()).isPresent();
  }

  private Stream<Portion> divisible(String node) {
    return chosen.get(node).stream().filter(portion -> owners.get(portion).size() > 1);
  }

  private Optional<Gap> widestGap() {
    return chosen.keySet().stream()
        .flatMap(from -> divisible(from).flatMap(portion -> owners.get(portion).stream()
            .map(to -> new Gap(portion, from, to, time(from, 0) - time(to, 0)))))
        .max(Comparator.comparingDouble(Gap::width));
  }

  /// @return whether that was worth it
  private boolean close(Gap gap) {
    double slowest = chosen.keySet().stream().mapToDouble(node -> time(node, 0)).max().orElseThrow();
    double slowness = nodes.get(gap.from()).slowness();
    int level = (int) (gap.width() / (slowness + nodes.get(gap.to()).slowness()));
    int moved = Math.min(level, size(gap.portion()));
    if (moved < LEAST_PAIRS || moved * slowness < LEAST_GAIN * slowest) {
      return false;
    }
    OptionalInt cut = rows.cut(gap.portion(), moved, moe);
    if (cut.isEmpty()) {
      return false;
    }
    chosen.get(gap.from()).remove(gap.portion());
    pairs.merge(gap.from(), -size(gap.portion()), Integer::sum);
    put(gap.from(), part(gap.portion().before(cut.getAsInt()), gap.portion()));
    put(gap.to(), part(gap.portion().behind(cut.getAsInt()), gap.portion()));
    return true;
  }

  private Portion part(Portion part, Portion whole) {
    owners.put(part, owners.get(whole));
    return part;
  }

  /// Portions without an owner.
  SortedSet<Portion> homeless() {
    return owners.entrySet().stream().filter(portion -> portion.getValue().isEmpty()).map(Map.Entry::getKey)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /// What each node is asked for.
  SortedMap<String, SortedSet<Portion>> byNode() {
    return chosen;
  }
}
