package io.llada.coordinator.placement;

import io.llada.coordinator.placement.NodeWatch.Watched;
import io.llada.model.config.ShardId;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/// Who may serve a shard at this moment: what dispatch goes by. It is derived anew from what the nodes say they hold, so
/// that a shard is used as soon as it is loaded, and where it was before for as long as the plan is not complete.
///
/// @param target the plan that is followed
/// @param planned its nodes, by shard
/// @param isActive whether every shard can be had as planned, so that nodes may let go of all else
/// @param before who served until now
/// @param nodes those that can compute what they hold
record Serving(Target target, Map<ShardId, List<String>> planned, boolean isActive, Placement before,
    Collection<Watched> nodes) {
  Serving(Rollout rollout, Placement before, Collection<Watched> nodes) {
    this(rollout.target(), rollout.target().owners(), rollout.isActive(), before, nodes);
  }

  Placement placement(List<ShardId> shards) {
    Map<ShardId, List<String>> owners = new HashMap<>();
    for (ShardId shard : shards) {
      List<String> serving = of(shard);
      if (!serving.isEmpty()) {
        owners.put(shard, serving);
      }
    }
    return new Placement(target.id().epoch(), owners);
  }

  /// The nodes that may serve a shard, by id, ascending: they hold it, and one of the reasons below is theirs.
  List<String> of(ShardId shard) {
    List<String> serving = holders(shard, node -> isGivenTo(node, shard) || isStillUsed(node, shard)
        || isGivenByOthers(node, shard));
    return serving.isEmpty() ? holders(shard, this::isLeftOver) : serving;
  }

  private List<String> holders(ShardId shard, Predicate<Watched> reason) {
    return nodes.stream().filter(node -> node.holds(shard) && reason.test(node)).map(Watched::nodeId).sorted().toList();
  }

  /// The plan gives it the shard, and it knows, or has served it all the time: what a node was not told to keep, it may let
  /// go of.
  private boolean isGivenTo(Watched node, ShardId shard) {
    return givenTo(shard).contains(node.nodeId()) && (hasServed(node, shard) || node.follows(target.id()));
  }

  /// It has served the shard, and the plan is not complete or has no place for it.
  private boolean isStillUsed(Watched node, ShardId shard) {
    return hasServed(node, shard) && (!isActive || givenTo(shard).isEmpty());
  }

  /// There is no plan to follow yet, and that of somebody else, or of an earlier life of this coordinator, gives it the
  /// shard.
  private boolean isGivenByOthers(Watched node, ShardId shard) {
    return target.id().equals(PlanId.NONE) && node.description().orElseThrow().planned().shards().contains(shard);
  }

  /// It loaded the shard for a plan that was overtaken; nobody lets go of it before this one is active.
  private boolean isLeftOver(Watched node) {
    return !isActive && node.follows(target.id());
  }

  private List<String> givenTo(ShardId shard) {
    return planned.getOrDefault(shard, List.of());
  }

  private boolean hasServed(Watched node, ShardId shard) {
    return before.owners(shard).contains(node.nodeId());
  }
}
