package io.llada.cluster;

import java.util.List;

/// The placement a coordinator acts on, published for those who want to know. Nobody computes by it.
///
/// @param epoch number of the placement
/// @param plannerId coordinator that made it
/// @param assignments owners of every shard
public record PlacementRecord(long epoch, String plannerId, List<Assignment> assignments) {
  /// Who holds one shard.
  ///
  /// @param shard the shard
  /// @param owners node ids, preferred first
  public record Assignment(HeldShard shard, List<String> owners) {
    public Assignment {
      owners = List.copyOf(owners);
    }
  }

  public PlacementRecord {
    if (epoch < 0) {
      throw new IllegalArgumentException("an epoch is not negative, found " + epoch);
    }
    assignments = List.copyOf(assignments);
  }

  /// Whether this placement goes before another: the newer one does, and of two of one epoch that of the first planner.
  public boolean precedes(PlacementRecord other) {
    return epoch > other.epoch || epoch == other.epoch && plannerId.compareTo(other.plannerId) < 0;
  }
}
