package io.llada.model.experts;

import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.util.function.IntFunction;

/// Computes the experts of a batch: the one piece of arithmetic that coordinator and expert node share.
///
/// Every row is computed in an order that depends on nothing but its own pair, so results do not depend on the
/// company in the batch or the number of threads. Thread-safe.
public final class ExpertFeedForward {
  private final MoeConfig moe;
  private final int hiddenSize;
  private final Kernels kernels;
  private final ComputePool pool;

  public ExpertFeedForward(MoeConfig moe, int hiddenSize, Kernels kernels, ComputePool pool) {
    this.moe = moe;
    this.hiddenSize = hiddenSize;
    this.kernels = kernels;
    this.pool = pool;
  }

  /// Computes every pair of the batch and sums them per (group, token).
  ///
  /// @param shards the shard of a group of the batch's layer; every group with pairs must be there
  public PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards) {
    throw new UnsupportedOperationException();
  }
}
