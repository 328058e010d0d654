package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.util.List;
import java.util.Set;

/// An expert node as it describes itself.
///
/// @param nodeId name of the node
/// @param incarnation drawn anew at each start
/// @param modelDigest the checkpoint it serves
/// @param numericsClass its arithmetic
/// @param zone what fails together with it; empty: nobody said
/// @param capacityBytes bytes of expert weights it may hold
/// @param weightBytes bytes it holds
/// @param held shards it holds, each ready to compute
/// @param planned the plan it prepares or has prepared last
/// @param device what it computes with
/// @param failure why it cannot compute any more; empty while it can
/// @param isDraining whether it is about to leave
/// @param hasCheckpoint whether it can load any shard by itself, or only what another node holds
/// @param loaded what it has loaded since it was started, by source
public record DescribedNode(String nodeId, String incarnation, String modelDigest, String numericsClass, String zone,
    long capacityBytes, long weightBytes, Set<ShardId> held, Planned planned, String device, String failure,
    boolean isDraining, boolean hasCheckpoint, List<Loaded> loaded) {
  public DescribedNode {
    loaded = List.copyOf(loaded);
  }

  /// Bytes that came from one source.
  ///
  /// @param source `checkpoint`, `cache` or `peer`
  public record Loaded(String source, long bytes, int shards) {}

  /// What a plan gives to the node.
  ///
  /// @param id the plan; [PlanId#NONE]: none yet
  /// @param shards shards it gives
  public record Planned(PlanId id, Set<ShardId> shards) {}
}
