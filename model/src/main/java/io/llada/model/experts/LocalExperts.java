package io.llada.model.experts;

import io.llada.model.config.ShardId;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.WeightSource;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.Workspace;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Experts computed in this process, with the rounding of the wire, so that moving them elsewhere changes no bit.
public final class LocalExperts implements Experts {
  private final MoeConfig moe;
  private final int hiddenSize;
  private final ActivationType activations;
  private final Map<ShardId, ExpertShard> shards;
  private final ExpertFeedForward feedForward;
  private final Kernels kernels;
  private final ComputePool pool;

  /// @param shards every shard of the model
  public LocalExperts(ModelConfig config, Map<ShardId, ExpertShard> shards, ActivationType activations,
      Kernels kernels, ComputePool pool) {
    this.moe = config.moe().orElseThrow();
    this.hiddenSize = config.hiddenSize();
    this.activations = activations;
    this.shards = Map.copyOf(shards);
    this.kernels = kernels;
    this.pool = pool;
    this.feedForward = new ExpertFeedForward(moe, hiddenSize, kernels, pool);
  }

  /// Experts of a whole checkpoint, loaded into this process; those of a dense model compute nothing.
  public static Experts load(Checkpoint checkpoint, ActivationType activations, Kernels kernels, ComputePool pool) {
    return load(checkpoint, checkpoint.weights(), activations, kernels, pool);
  }

  /// @param weights where the checkpoint's weights come from, for example rounded while they are loaded
  public static Experts load(Checkpoint checkpoint, WeightSource weights, ActivationType activations, Kernels kernels,
      ComputePool pool) {
    if (checkpoint.config().moe().isEmpty()) {
      return (layer, rows, routing) -> {
        throw new IllegalStateException("a dense model routes nothing, but layer " + layer + " did");
      };
    }
    ExpertShardLoader loader = new ExpertShardLoader(checkpoint, weights);
    List<ShardId> ids = checkpoint.config().shards();
    Map<ShardId, ExpertShard> shards = new ConcurrentHashMap<>();
    // One thread reads and hashes a shard; a disk may be faster than that.
    pool.forEach(ids.size(), loader.shardBytes(), i -> shards.put(ids.get(i), loader.load(ids.get(i))));
    return new LocalExperts(checkpoint.config(), shards, activations, kernels, pool);
  }

  @Override
  public Pending dispatch(int layer, float[] rows, Routing routing) {
    return out -> {
      Workspace workspace = Workspace.ofThread();
      long mark = workspace.mark();
      try {
        ExpertBatch batch = ExpertBatch.of(layer, rounded(rows, routing.tokens() * hiddenSize, workspace), routing,
            moe);
        PartialSums sums = feedForward.compute(batch, group -> shards.get(new ShardId(layer, group)), workspace);
        round(sums.rows(), sums.count());
        sums.addTo(out, routing.tokens(), hiddenSize, pool);
      } finally {
        workspace.release(mark);
      }
    };
  }

  private float[] rounded(float[] rows, int size, Workspace workspace) {
    if (activations == ActivationType.F32) {
      return rows;
    }
    float[] rounded = workspace.floats(size);
    System.arraycopy(rows, 0, rounded, 0, size);
    round(rounded, size / hiddenSize);
    return rounded;
  }

  /// Rounds rows as the wire does.
  private void round(float[] rows, int count) {
    pool.forRuns(count, 1, 2L * hiddenSize, (from, to) -> activations.round(kernels, rows, from * hiddenSize, to
        * hiddenSize));
  }
}
