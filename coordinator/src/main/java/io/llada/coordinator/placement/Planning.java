package io.llada.coordinator.placement;

import io.llada.coordinator.placement.NodeWatch.Watched;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.model.config.ShardId;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// What the planner makes of the nodes as they are now. For one thread at a time.
///
/// @param replicas nodes that should hold each shard
record Planning(Planner planner, NodeWatch watch, LoadWatch load, ExpertModel model, int replicas) {
  /// Whether there is a node to plan with.
  boolean isPossible() {
    return !watch.usable().isEmpty();
  }

  /// The nodes there are to plan with, as they describe themselves.
  List<DescribedNode> nodes() {
    return watch.usable().stream().map(node -> node.description().orElseThrow()).toList();
  }

  /// The same nodes by name, and which life of theirs.
  Set<String> lives() {
    return watch.usable().stream().map(node -> node.endpoint() + " " + node.description().orElseThrow().incarnation()
        + (outOfReach(node).isEmpty() ? "" : ", which waits for others to load")).collect(Collectors.toSet());
  }

  /// Because nodes have come or gone.
  Plan forMembership() {
    return planner.plan(watch.usable().stream().map(this::plannable).toList(), load.terms());
  }

  /// Because nodes take unequal times.
  ///
  /// @param followed the plan that is followed
  Plan forBalance(Target followed) {
    int all = Math.max(followed.replicas(), model.shards().size());
    return planner.plan(watch.usable().stream().map(this::plannable).toList(), load.balancingTerms(all));
  }

  /// Whether a plan of somebody else has a place for every shard and restores as much as ours would.
  boolean isAsGoodAsOurs(Target theirs) {
    if (!theirs.owners().keySet().containsAll(model.shards())) {
      return false;
    }
    Plan ours = planner.plan(watch.usable().stream()
        .map(node -> plannable(node).holding(theirs.shardsOf().get(node.nodeId()))).toList(), load.terms());
    return restored(theirs.owners()) >= restored(ours.owners());
  }

  /// Replicas that count: two coordinators may see different groups as hot, and must not plan against each other.
  private int restored(Map<ShardId, List<String>> owners) {
    return owners.values().stream().mapToInt(nodes -> Math.min(nodes.size(), replicas)).sum();
  }

  /// How much longer the slowest node takes under a plan than all would with the load spread to perfection, among those
  /// that serve.
  double imbalance(Target followed) {
    Map<String, List<ShardId>> living = new HashMap<>(followed.shardsOf());
    living.keySet().removeIf(node -> watch.serving(node).isEmpty());
    return load.imbalance(living);
  }

  private PlacementPlanner.Node plannable(Watched node) {
    DescribedNode described = node.description().orElseThrow();
    return new PlacementPlanner.Node(described.nodeId(), described.capacityBytes(), load.speed(described.nodeId()),
        described.zone(), described.held(), outOfReach(node));
  }

  /// A node without a checkpoint can load only what some node holds.
  private Set<ShardId> outOfReach(Watched node) {
    if (node.description().orElseThrow().hasCheckpoint()) {
      return Set.of();
    }
    Set<ShardId> shards = new HashSet<>(model.shards());
    watch.serving().forEach(other -> shards.removeAll(other.description().orElseThrow().held()));
    return shards;
  }

  /// What a plan would mean.
  ///
  /// @param followed the plan that is followed
  Proposal proposal(Plan plan, Target followed) {
    List<Proposal.Share> shares = watch.usable().stream().map(node -> {
      Set<ShardId> held = node.description().orElseThrow().held();
      List<ShardId> then = plan.shardsOf().getOrDefault(node.nodeId(), List.of());
      return new Proposal.Share(node.nodeId(), held.size(), then.size(),
          (int) then.stream().filter(shard -> !held.contains(shard)).count(), load.speed(node.nodeId()));
    }).toList();
    Map<String, Set<ShardId>> now = watch.usable().stream().collect(Collectors.toMap(Watched::nodeId,
        node -> node.description().orElseThrow().held(), (a, b) -> a));
    return new Proposal(followed.id().epoch(), shares, model.shardBytes(), load.imbalance(now),
        load.imbalance(plan.shardsOf()), !plan.shardsOf().equals(followed.shardsOf()));
  }
}
