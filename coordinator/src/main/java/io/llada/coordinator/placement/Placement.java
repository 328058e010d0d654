package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.util.List;
import java.util.Map;

/// Who holds which shard, ready to compute: an immutable snapshot, swapped as a whole between layers.
///
/// @param epoch number of the plan that is followed; 0: none yet
/// @param owners node ids of every placed shard, ascending; any of them computes the same bits
public record Placement(long epoch, Map<ShardId, List<String>> owners) {
  /// Before the first plan.
  public static final Placement NONE = new Placement(0, Map.of());

  public Placement {
    owners = Map.copyOf(owners);
  }

  /// The nodes that hold a shard, ascending; empty when nobody does.
  public List<String> owners(ShardId shard) {
    return owners.getOrDefault(shard, List.of());
  }
}
