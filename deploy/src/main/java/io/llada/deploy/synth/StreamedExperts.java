package io.llada.deploy.synth;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertFeedForward;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.experts.Experts;
import io.llada.model.experts.PartialSums;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.util.Arrays;

/// Experts that are read from the checkpoint for each use and forgotten: slow, and in memory no more than one shard per
/// thread. For looking at a model that may be larger than the memory.
final class StreamedExperts implements Experts {
  private final ExpertShardLoader loader;
  private final MoeConfig moe;
  private final int hiddenSize;
  private final ExpertFeedForward feedForward;
  private final ComputePool pool;

  StreamedExperts(Checkpoint checkpoint, Kernels kernels, ComputePool pool) {
    this.loader = new ExpertShardLoader(checkpoint);
    this.moe = checkpoint.config().moe().orElseThrow();
    this.hiddenSize = checkpoint.config().hiddenSize();
    this.feedForward = new ExpertFeedForward(moe, hiddenSize, kernels, pool);
    this.pool = pool;
  }

  @Override
  public Pending dispatch(int layer, float[] rows, Routing routing) {
    ExpertBatch batch = ExpertBatch.of(layer, rows.clone(), routing, moe);
    return out -> {
      PartialSums[] sums = new PartialSums[moe.groups()];
      pool.forEach(sums.length, loader.shardBytes(), group -> {
        try (ExpertShard shard = loader.load(new ShardId(layer, group))) {
          sums[group] = feedForward.compute(only(batch, group), id -> shard);
        }
      });
      for (PartialSums sum : sums) {
        sum.addTo(out, routing.tokens(), hiddenSize, pool);
      }
    };
  }

  /// The pairs of one group, which are neighbours.
  private ExpertBatch only(ExpertBatch batch, int group) {
    int from = 0;
    while (from < batch.pairs() && moe.groupOf(batch.pairExpert()[from]) < group) {
      from++;
    }
    int to = from;
    while (to < batch.pairs() && moe.groupOf(batch.pairExpert()[to]) == group) {
      to++;
    }
    return new ExpertBatch(batch.layer(), batch.tokens(), batch.rows(), Arrays.copyOfRange(batch.pairToken(), from, to),
        Arrays.copyOfRange(batch.pairExpert(), from, to), Arrays.copyOfRange(batch.pairWeight(), from, to));
  }
}
