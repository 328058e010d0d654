package io.llada.model.experts;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.util.Map;
import java.util.function.IntFunction;

/// Experts computed in this process, with the rounding of the wire, so that moving them elsewhere changes no bit.
public final class LocalExperts implements Experts {
  private final MoeConfig moe;
  private final int hiddenSize;
  private final ActivationType activations;
  private final Map<ShardId, ExpertShard> shards;
  private final ExpertFeedForward feedForward;

  /// @param shards every shard of the model
  public LocalExperts(ModelConfig config, Map<ShardId, ExpertShard> shards, ActivationType activations,
      Kernels kernels, ComputePool pool) {
    this.moe = config.moe().orElseThrow();
    this.hiddenSize = config.hiddenSize();
    this.activations = activations;
    this.shards = Map.copyOf(shards);
    this.feedForward = new ExpertFeedForward(moe, hiddenSize, kernels, pool);
  }

  @Override
  public Pending dispatch(int layer, float[] rows, Routing routing) {
    float[] rounded = rows.clone();
    activations.round(rounded, 0, rounded.length);
    ExpertBatch batch = ExpertBatch.of(layer, rounded, routing, moe);
    IntFunction<ExpertShard> shardOfGroup = group -> shards.get(new ShardId(layer, group));
    return out -> {
      PartialSums sums = feedForward.compute(batch, shardOfGroup);
      activations.round(sums.rows(), 0, sums.rows().length);
      sums.addTo(out, routing.tokens(), hiddenSize);
    };
  }
}
