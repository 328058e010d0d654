package io.llada.model.experts;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.ShardId;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.util.function.IntFunction;

/// Experts on the processor's vector units.
public final class CpuExperts implements ExpertBackend {
  private final Kernels kernels;
  private final ExpertShardLoader loader;
  private final ExpertFeedForward feedForward;

  /// @throws IllegalArgumentException when the model has no experts
  public CpuExperts(Checkpoint checkpoint, Kernels kernels, ComputePool pool) {
    ModelConfig config = checkpoint.config();
    this.kernels = kernels;
    loader = new ExpertShardLoader(checkpoint);
    feedForward = new ExpertFeedForward(config.moe().orElseThrow(), config.hiddenSize(), kernels, pool);
  }

  @Override
  public String device() {
    return "cpu";
  }

  @Override
  public String numericsClass() {
    return kernels.numericsClass();
  }

  @Override
  public long capacityBytes(long hostBytes) {
    return hostBytes;
  }

  @Override
  public ExpertShard load(ShardId id) {
    return loader.load(id);
  }

  @Override
  public PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards) {
    return feedForward.compute(batch, shards);
  }

  @Override
  public void close() {
    // The pool is the caller's, the shards are closed by whoever loaded them.
  }
}
