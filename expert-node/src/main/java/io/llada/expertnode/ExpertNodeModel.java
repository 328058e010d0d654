package io.llada.expertnode;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertFeedForward;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.experts.PartialSums;
import io.llada.model.config.ShardId;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.util.Set;
import java.util.function.IntFunction;

/// What a node computes with.
///
/// @param digest digest of the checkpoint
/// @param numericsClass arithmetic of the kernels
/// @param hiddenSize width of a row
/// @param moe the experts
/// @param shards every shard of the model
/// @param shardBytes memory one shard takes
/// @param source where shards come from
/// @param computation the arithmetic
public record ExpertNodeModel(String digest, String numericsClass, int hiddenSize, MoeConfig moe, Set<ShardId> shards,
    long shardBytes, ShardSource source, Computation computation) {
  /// Computes the pairs of a batch; the signature of [ExpertFeedForward#compute].
  @FunctionalInterface
  public interface Computation {
    PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards);
  }

  public ExpertNodeModel {
    shards = Set.copyOf(shards);
  }

  /// The model of a checkpoint.
  ///
  /// @throws IllegalArgumentException when the checkpoint is dense: it has no experts to hold
  public static ExpertNodeModel of(Checkpoint checkpoint, Kernels kernels, ComputePool pool) {
    ModelConfig config = checkpoint.config();
    ExpertShardLoader loader = new ExpertShardLoader(checkpoint);
    MoeConfig moe = config.moe().orElseThrow();
    ExpertFeedForward experts = new ExpertFeedForward(moe, config.hiddenSize(), kernels, pool);
    return new ExpertNodeModel(checkpoint.digest(), kernels.numericsClass(), config.hiddenSize(), moe,
        Set.copyOf(config.shards()), loader.shardBytes(), loader::load, experts::compute);
  }
}
