package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Who is to hold what, once it is loaded.
///
/// @param id the plan
/// @param shardsOf shards of every node, ascending
record Target(PlanId id, SortedMap<String, List<ShardId>> shardsOf) {
  /// Nothing, on nobody.
  static final Target NONE = new Target(PlanId.NONE, new TreeMap<>());

  /// A plan as the nodes know it, put together from all of them.
  static Target of(PlanId id, Collection<DescribedNode> nodes) {
    SortedMap<String, List<ShardId>> shardsOf = new TreeMap<>();
    nodes.forEach(node -> shardsOf.put(node.nodeId(), List.copyOf(new TreeSet<>(node.planned().shards()))));
    return new Target(id, shardsOf);
  }

  /// The nodes of every shard, ascending.
  Map<ShardId, List<String>> owners() {
    Map<ShardId, Set<String>> owners = new HashMap<>();
    shardsOf.forEach(
        (node, shards) -> shards.forEach(shard -> owners.computeIfAbsent(shard, id -> new TreeSet<>()).add(node)));
    return owners.entrySet().stream()
        .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, entry -> List.copyOf(entry.getValue())));
  }

  /// Replicas of all shards together.
  int replicas() {
    return shardsOf.values().stream().mapToInt(List::size).sum();
  }
}
