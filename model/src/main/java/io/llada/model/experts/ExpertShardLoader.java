package io.llada.model.experts;

import io.llada.model.checkpoint.Checkpoint;

/// Loads expert shards from a checkpoint, reading only their own bytes.
public final class ExpertShardLoader {
  private final Checkpoint checkpoint;

  public ExpertShardLoader(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  /// Bytes a shard of this checkpoint takes in memory; equal for all its shards.
  public long shardBytes() {
    throw new UnsupportedOperationException();
  }

  /// Reads and packs one shard.
  ///
  /// @throws io.llada.model.checkpoint.CheckpointException when a tensor is missing, misshapen or not finite
  public ExpertShard load(ShardId id) {
    throw new UnsupportedOperationException();
  }
}
