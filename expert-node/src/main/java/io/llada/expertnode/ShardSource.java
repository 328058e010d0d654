package io.llada.expertnode;

import io.llada.model.experts.ExpertShard;
import io.llada.model.config.ShardId;

/// Where a node's shards come from. Thread-safe.
@FunctionalInterface
public interface ShardSource {
  /// Reads and packs one shard, which the caller closes.
  ///
  /// @throws io.llada.model.files.CheckpointException when the shard cannot be used, naming file and tensor
  ExpertShard load(ShardId id);
}
