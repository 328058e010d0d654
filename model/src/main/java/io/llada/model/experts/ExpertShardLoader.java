package io.llada.model.experts;

import io.llada.model.config.ShardId;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.WeightSource;
import io.llada.model.config.MoeConfig;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/// Loads expert shards from a checkpoint, reading only their own bytes.
public final class ExpertShardLoader implements ShardWeights {
  private final Checkpoint checkpoint;
  private final WeightSource weights;
  private final MoeConfig moe;

  /// @throws IllegalArgumentException when the model has no experts
  public ExpertShardLoader(Checkpoint checkpoint) {
    this(checkpoint, checkpoint.weights());
  }

  /// @param weights where the checkpoint's weights come from, for example rounded while they are loaded
  public ExpertShardLoader(Checkpoint checkpoint, WeightSource weights) {
    this.checkpoint = checkpoint;
    this.weights = weights;
    this.moe = checkpoint.config().moe().orElseThrow(() -> new IllegalArgumentException(
        checkpoint.directory() + ": a dense model has no expert shards"));
  }

  /// Bytes the largest shard takes in memory; equal for all shards where all experts have one number format.
  public long shardBytes() {
    return checkpoint.config().shards().stream().mapToLong(weights::shardBytes).max().orElse(0);
  }

  @Override
  public ExpertShard load(ShardId id, SegmentAllocator memory, Runnable release) {
    if (!checkpoint.config().isMoeLayer(id.layer()) || id.layer() >= checkpoint.config().layers()
        || id.group() >= moe.groups()) {
      throw new IllegalArgumentException("%s does not exist: MoE layers are %d..%d with groups 0..%d".formatted(id,
          moe.firstMoeLayer(), checkpoint.config().layers() - 1, moe.groups() - 1));
    }
    int first = id.group() * moe.expertsPerGroup();
    WeightSource.Shard shard = weights.shard(id, memory);
    List<ExpertShard.Expert> experts = new ArrayList<>();
    for (int expert = first; expert < first + moe.expertsPerGroup(); expert++) {
      experts.add(new ExpertShard.Expert(shard.expert(expert, "gate_proj"), shard.expert(expert, "up_proj"), shard
          .expert(expert, "down_proj")));
    }
    return new ExpertShard(id, first, List.copyOf(experts), release);
  }

  @Override
  public long shardBytes(ShardId id) {
    return weights.shardBytes(id);
  }
}
