package io.llada.coordinator.placement;

import java.util.List;

/// What the planner would do now.
///
/// @param epoch number of the plan that is followed
/// @param shares of all nodes that are planned with, by node id
/// @param shardBytes memory one shard takes
/// @param imbalanceNow how much longer the slowest node takes than all would with the load spread to perfection
/// @param imbalanceThen the same under the plan
/// @param isChange whether the plan is another than the one that is followed
public record Proposal(long epoch, List<Share> shares, long shardBytes, double imbalanceNow, double imbalanceThen,
    boolean isChange) {
  public Proposal {
    shares = List.copyOf(shares);
  }

  /// Bytes that nodes would have to load.
  public long bytesToMove() {
    return shares.stream().mapToLong(Share::loads).sum() * shardBytes;
  }

  /// One node's part.
  ///
  /// @param shardsNow shards it holds
  /// @param shardsThen shards it would hold
  /// @param loads those of them that it would have to load
  /// @param speed beside the other nodes, 1 for the average one
  public record Share(String nodeId, int shardsNow, int shardsThen, int loads, double speed) {}

  /// What is to become of it.
  public enum Intent {
    /// It is only looked at.
    LOOK,
    /// It is carried out, if it is a change.
    CARRY_OUT
  }
}
