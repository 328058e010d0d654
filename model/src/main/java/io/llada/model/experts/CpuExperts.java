package io.llada.model.experts;

import io.llada.model.config.ShardId;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.util.function.IntFunction;

/// Experts on the processor's vector units.
public final class CpuExperts implements ExpertBackend {
  private final Kernels kernels;
  private final ExpertFeedForward feedForward;

  public CpuExperts(ExpertOutline outline, Kernels kernels, ComputePool pool) {
    this.kernels = kernels;
    feedForward = new ExpertFeedForward(outline.moe(), outline.hiddenSize(), kernels, pool);
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
  public ExpertShard load(ShardId id, ShardWeights weights) {
    return weights.load(id);
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
