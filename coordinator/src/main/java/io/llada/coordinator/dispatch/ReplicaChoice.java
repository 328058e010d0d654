package io.llada.coordinator.dispatch;

import io.llada.model.config.ShardId;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiPredicate;

/// Chooses among the replicas of each group so that the slowest node of the layer is done soonest: heavy groups first,
/// each to the node that would be done with it first. Which replica computes changes no bit.
///
/// @param context for placement, connections and what they are expected to take
/// @param layer MoE layer
/// @param rows what is to be computed
record ReplicaChoice(DispatchContext context, int layer, RoutedRows rows) {
  /// @param groups groups to find nodes for
  /// @param isExcluded which (group, node) must not be, whatever happens
  /// @param failed nodes that are asked only if no other is left
  /// @return groups by node; a group without a node that can be reached is missing
  SortedMap<String, SortedSet<Integer>> choose(SortedSet<Integer> groups, BiPredicate<Integer, String> isExcluded,
      Set<String> failed) {
    int[] pairs = new int[context.model().moe().groups()];
    for (int expert : rows.pairExpert()) {
      pairs[context.model().moe().groupOf(expert)]++;
    }
    Map<String, Integer> assigned = new HashMap<>();
    SortedMap<String, SortedSet<Integer>> chosen = new TreeMap<>();
    groups.stream().sorted(Comparator.comparingInt((Integer group) -> -pairs[group])).forEach(group -> {
      List<String> owners = owners(group, failed).stream().filter(node -> !isExcluded.test(group, node)).toList();
      owners.stream().min(Comparator.comparingDouble(node -> expectedNanos(node, assigned, pairs[group])))
          .ifPresent(node -> {
            assigned.merge(node, pairs[group], Integer::sum);
            chosen.computeIfAbsent(node, id -> new TreeSet<>()).add(group);
          });
    });
    return chosen;
  }

  private double expectedNanos(String node, Map<String, Integer> assigned, int pairs) {
    return context.connections().apply(node).map(connection -> connection.expectedNanos(rows.token().length,
        assigned.getOrDefault(node, 0) + pairs, context.settings().interactiveTokens())).orElse(Double.MAX_VALUE);
  }

  /// The nodes to choose from: those that can be reached, without the failed and the suspect ones where others are left.
  private List<String> owners(int group, Set<String> failed) {
    List<String> usable = usable(context, layer, group);
    List<String> unfailed = orElse(usable.stream().filter(node -> !failed.contains(node)).toList(), usable);
    return orElse(unfailed.stream()
        .filter(node -> context.connections().apply(node).filter(ExpertConnection::isSuspect).isEmpty()).toList(),
        unfailed);
  }

  private static List<String> orElse(List<String> some, List<String> all) {
    return some.isEmpty() ? all : some;
  }

  /// The owners of a group that can be reached.
  static List<String> usable(DispatchContext context, int layer, int group) {
    return context.placement().get().owners(new ShardId(layer, group)).stream()
        .filter(node -> context.connections().apply(node).filter(ExpertConnection::isUsable).isPresent()).toList();
  }
}
