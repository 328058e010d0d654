package io.llada.coordinator.dispatch;

import io.llada.model.config.ShardId;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import java.util.stream.Collectors;

/// Which replicas may be asked for what, and what is known of them. Which replica computes changes no bit.
///
/// @param context for placement, connections and what they are expected to take
/// @param layer MoE layer
/// @param rows what is to be computed
record ReplicaChoice(DispatchContext context, int layer, RoutedRows rows) {
  /// @param portions portions to find nodes for
  /// @param isExcluded which (portion, node) must not be, whatever happens
  /// @param failed nodes that are asked only if no other is left
  /// @return the portions by node; a portion without a node that can be reached has none
  Division divide(SortedSet<Portion> portions, BiPredicate<Portion, String> isExcluded, Set<String> failed) {
    Map<Portion, List<String>> owners = portions.stream().collect(Collectors.toMap(portion -> portion,
        portion -> owners(portion.group(), failed).stream().filter(node -> !isExcluded.test(portion, node)).toList()));
    Set<String> names = owners.values().stream().flatMap(Collection::stream)
        .collect(Collectors.toCollection(TreeSet::new));
    return new Division(rows, context.model().moe(), owners, nodes(names));
  }

  /// Nodes are compared at the size that each would have if all had the same.
  private SortedMap<String, Division.Node> nodes(Set<String> names) {
    double share = (double) rows.pairExpert().length / Math.max(1, names.size());
    SortedMap<String, ExpectedTimes.Estimate> estimates = new TreeMap<>();
    SortedMap<String, Integer> pending = new TreeMap<>();
    for (String name : names) {
      Optional<ExpertConnection> connection = context.connections().apply(name);
      estimates.put(name, connection.map(to -> to.estimate(share)).orElse(ExpectedTimes.Estimate.UNKNOWN));
      pending.put(name, connection.map(ExpertConnection::pendingPairs).orElse(0));
    }
    SortedMap<String, Division.Node> nodes = new TreeMap<>();
    Slowness.of(estimates).forEach((name, slow) -> nodes.put(name, new Division.Node(slow, pending.get(name))));
    return nodes;
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
