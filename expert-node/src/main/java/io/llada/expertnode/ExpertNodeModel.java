package io.llada.expertnode;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.experts.CpuExperts;
import io.llada.model.experts.ExpertBackend;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.experts.PartialSums;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.util.Set;
import java.util.function.IntFunction;

/// What a node computes with.
///
/// @param digest digest of the checkpoint
/// @param numericsClass arithmetic of the kernels
/// @param device what computes, as operators name it
/// @param hiddenSize width of a row
/// @param moe the experts
/// @param shards every shard of the model
/// @param shardBytes memory one shard takes
/// @param source where shards come from
/// @param computation the arithmetic
public record ExpertNodeModel(String digest, String numericsClass, String device, int hiddenSize, MoeConfig moe,
    Set<ShardId> shards, long shardBytes, ShardSource source, Computation computation) {
  /// Computes the pairs of a batch; the signature of [ExpertBackend#compute].
  @FunctionalInterface
  public interface Computation {
    PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards);
  }

  public ExpertNodeModel {
    shards = Set.copyOf(shards);
  }

  /// The model of a checkpoint, computed by the processor.
  ///
  /// @throws IllegalArgumentException when the checkpoint is dense: it has no experts to hold
  public static ExpertNodeModel of(Checkpoint checkpoint, Kernels kernels, ComputePool pool) {
    return of(checkpoint, new CpuExperts(checkpoint, kernels, pool));
  }

  /// The model of a checkpoint.
  ///
  /// @param backend has the checkpoint's experts; the caller closes it after the node
  public static ExpertNodeModel of(Checkpoint checkpoint, ExpertBackend backend) {
    ModelConfig config = checkpoint.config();
    return new ExpertNodeModel(checkpoint.digest(), backend.numericsClass(), backend.device(), config.hiddenSize(),
        config.moe().orElseThrow(), Set.copyOf(config.shards()), new ExpertShardLoader(checkpoint).shardBytes(),
        backend::load, backend::compute);
  }
}
