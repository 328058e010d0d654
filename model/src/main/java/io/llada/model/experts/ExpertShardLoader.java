package io.llada.model.experts;

import io.llada.model.config.ShardId;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/// Loads expert shards from a checkpoint, reading only their own bytes.
public final class ExpertShardLoader {
  private final Checkpoint checkpoint;
  private final MoeConfig moe;

  /// @throws IllegalArgumentException when the model has no experts
  public ExpertShardLoader(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
    this.moe = checkpoint.config().moe().orElseThrow(() -> new IllegalArgumentException(
        checkpoint.directory() + ": a dense model has no expert shards"));
  }

  /// Bytes the largest shard takes in memory; equal for all shards where all experts have one number format.
  public long shardBytes() {
    return checkpoint.config().shards().stream().mapToLong(this::bytes).max().orElse(0);
  }

  private long bytes(ShardId id) {
    int hidden = checkpoint.config().hiddenSize();
    int width = moe.expertWidth();
    long bytes = 0;
    int first = id.group() * moe.expertsPerGroup();
    for (int expert = first; expert < first + moe.expertsPerGroup(); expert++) {
      bytes += PackedMatrix.packedBytes(width, hidden,
          WeightFormat.of(checkpoint.expertType(id.layer(), expert, "gate_proj")))
          + PackedMatrix.packedBytes(width, hidden,
              WeightFormat.of(checkpoint.expertType(id.layer(), expert, "up_proj")))
          + PackedMatrix.packedBytes(hidden, width,
              WeightFormat.of(checkpoint.expertType(id.layer(), expert, "down_proj")));
    }
    return bytes;
  }

  /// Reads and packs one shard.
  ///
  /// @throws io.llada.model.files.CheckpointException when a weight is not finite
  public ExpertShard load(ShardId id) {
    if (!checkpoint.config().isMoeLayer(id.layer()) || id.layer() >= checkpoint.config().layers()
        || id.group() >= moe.groups()) {
      throw new IllegalArgumentException("%s does not exist: MoE layers are %d..%d with groups 0..%d".formatted(id,
          moe.firstMoeLayer(), checkpoint.config().layers() - 1, moe.groups() - 1));
    }
    int first = id.group() * moe.expertsPerGroup();
    Arena arena = Arena.ofShared();
    try {
      List<ExpertShard.Expert> experts = new ArrayList<>();
      for (int expert = first; expert < first + moe.expertsPerGroup(); expert++) {
        experts.add(new ExpertShard.Expert(pack(id, expert, "gate_proj", arena), pack(id, expert, "up_proj", arena),
            pack(id, expert, "down_proj", arena)));
      }
      return new ExpertShard(id, first, List.copyOf(experts), arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private PackedMatrix pack(ShardId id, int expert, String projection, Arena arena) {
    return PackedMatrix.pack(checkpoint.expert(id.layer(), expert, projection), arena);
  }
}
