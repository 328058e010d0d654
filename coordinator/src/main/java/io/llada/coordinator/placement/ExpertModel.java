package io.llada.coordinator.placement;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import java.util.List;

/// What the coordinator expects of its expert nodes.
///
/// @param digest digest of the checkpoint every node must serve
/// @param numericsClass arithmetic every node must have, or bits would depend on the placement
/// @param hiddenSize width of a row
/// @param moe the experts
/// @param shards every shard of the model, ascending
/// @param shardBytes memory one shard takes on a node
public record ExpertModel(String digest, String numericsClass, int hiddenSize, MoeConfig moe, List<ShardId> shards,
    long shardBytes) {
  public ExpertModel {
    shards = List.copyOf(shards);
    if (shards.isEmpty()) {
      throw new IllegalArgumentException("a dense model has no experts to place");
    }
  }

  /// @param shardBytes as `ExpertShardLoader.shardBytes()` says
  public static ExpertModel of(ModelConfig config, String digest, String numericsClass, long shardBytes) {
    MoeConfig moe = config.moe().orElseThrow(() -> new IllegalArgumentException("a dense model has no experts"));
    return new ExpertModel(digest, numericsClass, config.hiddenSize(), moe, config.shards(), shardBytes);
  }
}
