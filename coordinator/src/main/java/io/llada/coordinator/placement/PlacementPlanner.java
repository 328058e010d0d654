package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;

/// Places every shard on one node. A pure function: the same nodes and shards give the same plan on every coordinator.
///
/// A step waits for the slowest node of each layer, so every layer is split evenly by itself; which nodes get a
/// layer's odd groups rotates, so that totals are even too. A shard stays where it is as long as the split allows.
///
/// @param shards every shard of the model
/// @param shardBytes memory one shard takes
record PlacementPlanner(List<ShardId> shards, long shardBytes) {
  /// A node to plan with.
  ///
  /// @param nodeId name of the node
  /// @param capacityBytes bytes of shards it may hold
  /// @param held shards it holds already
  record Node(String nodeId, long capacityBytes, Set<ShardId> held) {}

  /// What to hold where.
  ///
  /// @param shardsOf shards of every node, ascending
  /// @param unplaced shards for which no node has room
  record Plan(SortedMap<String, List<ShardId>> shardsOf, List<ShardId> unplaced) {}

  Plan plan(Collection<Node> nodes) {
    List<Node> sorted = nodes.stream().sorted(Comparator.comparing(Node::nodeId)).toList();
    SortedMap<String, List<ShardId>> placed = new TreeMap<>();
    sorted.forEach(node -> placed.put(node.nodeId(), new ArrayList<>()));
    Map<Integer, TreeSet<ShardId>> layers = new TreeMap<>();
    shards.forEach(shard -> layers.computeIfAbsent(shard.layer(), layer -> new TreeSet<>()).add(shard));
    List<ShardId> unplaced = new ArrayList<>();
    int rotation = 0;
    for (TreeSet<ShardId> layer : layers.values()) {
      List<Node> rotated = new ArrayList<>(sorted);
      Collections.rotate(rotated, -rotation);
      unplaced.addAll(placeLayer(layer, rotated, placed));
      rotation = sorted.isEmpty() ? 0 : (rotation + layer.size()) % sorted.size();
    }
    return new Plan(placed, unplaced);
  }

  /// Places one layer and answers with what did not fit.
  private List<ShardId> placeLayer(Set<ShardId> layer, List<Node> nodes, Map<String, List<ShardId>> placed) {
    int[] quotas = quotas(layer.size(), nodes, placed);
    List<ShardId> rest = new ArrayList<>();
    for (ShardId shard : layer) {
      if (!give(shard, nodes, quotas, placed, node -> node.held().contains(shard))) {
        rest.add(shard);
      }
    }
    rest.removeIf(shard -> give(shard, nodes, quotas, placed, node -> true));
    return rest;
  }

  /// How many of a layer's groups each node gets: one after another to whoever has fewest and has room.
  private int[] quotas(int groups, List<Node> nodes, Map<String, List<ShardId>> placed) {
    int[] quotas = new int[nodes.size()];
    for (int group = 0; group < groups; group++) {
      int fewest = -1;
      for (int i = 0; i < quotas.length; i++) {
        long room = nodes.get(i).capacityBytes() / shardBytes - placed.get(nodes.get(i).nodeId()).size();
        if (quotas[i] < room && (fewest < 0 || quotas[i] < quotas[fewest])) {
          fewest = i;
        }
      }
      if (fewest >= 0) {
        quotas[fewest]++;
      }
    }
    return quotas;
  }

  private static boolean give(ShardId shard, List<Node> nodes, int[] quotas, Map<String, List<ShardId>> placed,
      Predicate<Node> eligible) {
    for (int i = 0; i < quotas.length; i++) {
      if (quotas[i] > 0 && eligible.test(nodes.get(i))) {
        quotas[i]--;
        List<ShardId> own = placed.get(nodes.get(i).nodeId());
        own.add(shard);
        own.sort(null);
        return true;
      }
    }
    return false;
  }
}
