package io.llada.deploy.bench;

import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertFeedForward;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.RandomExperts;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.LargePages;
import io.llada.model.kernel.WeightFormat;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/// One MoE layer of a published shape with random weights, 8 of 256 experts per token.
final class RandomLayer {
  private static final int EXPERTS = 256;
  private static final int GROUPS = 8;
  private static final int PER_TOKEN = 8;

  private final ExpertShape shape;
  private final RandomExperts experts;

  /// A batch of the layer.
  ///
  /// @param touched distinct experts that it uses
  /// @param gigabytes their weights, 10^9 bytes
  /// @param gflop a multiply-add is two operations
  record Work(ExpertBatch batch, int touched, double gigabytes, double gflop) {}

  /// @param mostBytes of weights. Where all experts take more, some share their memory, and meet again when the caches
  ///   have long forgotten them
  RandomLayer(ExpertShape shape, WeightFormat format, long mostBytes) {
    this.shape = shape;
    MoeConfig moe = RandomExperts.shape(EXPERTS, GROUPS, PER_TOKEN, shape.width());
    int resident = Math.clamp(mostBytes / shape.bytes(format) / GROUPS, 1, EXPERTS / GROUPS);
    this.experts = new RandomExperts(moe, shape.hiddenSize(), format, 1, resident);
  }

  RandomExperts experts() {
    return experts;
  }

  /// All shards, by group.
  List<ExpertShard> shards(Function<ShardId, ExpertShard> load) {
    return IntStream.range(0, GROUPS).mapToObj(group -> load.apply(new ShardId(0, group))).toList();
  }

  /// All shards, by group, as an expert node holds them.
  List<ExpertShard> shards(Arena arena) {
    return shards(id -> experts.load(id, LargePages.in(arena), () -> {}));
  }

  /// What computes them on the processor.
  ExpertFeedForward on(Kernels kernels, ComputePool pool) {
    return new ExpertFeedForward(experts.moe(), experts.hiddenSize(), kernels, pool);
  }

  Work work(int tokens) {
    ExpertBatch batch = experts.batch(0, tokens, tokens);
    int touched = (int) Arrays.stream(batch.pairExpert()).distinct().count();
    return new Work(batch, touched, experts.expertBytes() / 1e9 * touched, 2.0 * shape.weights() * batch.pairs() / 1e9);
  }
}
