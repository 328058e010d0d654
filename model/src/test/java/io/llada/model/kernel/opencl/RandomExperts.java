package io.llada.model.kernel.opencl;

import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertFeedForward;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.PartialSums;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// One layer of random experts, for the processor and for a device.
final class RandomExperts {
  static final int LAYER = 1;

  final MoeConfig moe;
  final int hiddenSize;
  final WeightFormat format;
  private final Arena arena = Arena.ofAuto();

  RandomExperts(int experts, int groups, int expertsPerToken, int hiddenSize, int width, WeightFormat format) {
    moe = new MoeConfig(experts, expertsPerToken, groups, groups, width, 0, 0, 1, MoeConfig.RouterKind.GROUPED_SIGMOID,
        0);
    this.hiddenSize = hiddenSize;
    this.format = format;
  }

  List<ExpertShard> shards() {
    return shards(arena);
  }

  List<ExpertShard> heapShards() {
    List<ExpertShard> shards = new ArrayList<>();
    for (ExpertShard shard : shards(arena)) {
      MemorySegment slab = OpenClExperts.HEAP.allocate(shard.bytes(), 1);
      long at = 0;
      List<ExpertShard.Expert> experts = new ArrayList<>();
      for (ExpertShard.Expert expert : shard.experts()) {
        PackedMatrix[] copies = new PackedMatrix[3];
        PackedMatrix[] all = {expert.gate(), expert.up(), expert.down()};
        for (int i = 0; i < 3; i++) {
          MemorySegment data = slab.asSlice(at, all[i].bytes()).copyFrom(all[i].data());
          copies[i] = PackedMatrix.of(format, all[i].rows(), all[i].columns(), data);
          at += all[i].bytes();
        }
        experts.add(new ExpertShard.Expert(copies[0], copies[1], copies[2]));
      }
      shards.add(new ExpertShard(shard.id(), shard.firstExpert(), experts, () -> {}));
    }
    return shards;
  }

  private List<ExpertShard> shards(SegmentAllocator memory) {
    SplittableRandom random = new SplittableRandom(7);
    List<ExpertShard> shards = new ArrayList<>();
    for (int group = 0; group < moe.groups(); group++) {
      List<ExpertShard.Expert> experts = new ArrayList<>();
      for (int expert = 0; expert < moe.expertsPerGroup(); expert++) {
        experts.add(new ExpertShard.Expert(matrix(moe.expertWidth(), hiddenSize, random, memory), matrix(moe
            .expertWidth(), hiddenSize, random, memory), matrix(hiddenSize, moe.expertWidth(), random, memory)));
      }
      shards.add(new ExpertShard(new ShardId(LAYER, group), group * moe.expertsPerGroup(), experts, () -> {}));
    }
    return shards;
  }

  private PackedMatrix matrix(int rows, int columns, SplittableRandom random, SegmentAllocator memory) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment data = scratch.allocate((long) rows * columns * Float.BYTES, Float.BYTES);
      for (long i = 0; i < (long) rows * columns; i++) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextGaussian() / Math.sqrt(columns)));
      }
      return PackedMatrix.pack(List.of(new TensorView("random", ElementType.F32, rows, columns, data)), format, memory);
    }
  }

  ExpertBatch batch(int tokens, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] experts = new int[tokens * moe.expertsPerToken()];
    float[] weights = new float[experts.length];
    for (int token = 0; token < tokens; token++) {
      List<Integer> left = new ArrayList<>();
      for (int expert = 0; expert < moe.experts(); expert++) {
        left.add(expert);
      }
      for (int k = 0; k < moe.expertsPerToken(); k++) {
        experts[token * moe.expertsPerToken() + k] = left.remove(random.nextInt(left.size()));
        weights[token * moe.expertsPerToken() + k] = (float) random.nextDouble();
      }
    }
    float[] rows = new float[tokens * hiddenSize];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    return ExpertBatch.of(LAYER, rows, new Routing(tokens, moe.expertsPerToken(), experts, weights), moe);
  }

  PartialSums expected(ExpertBatch batch, Kernels kernels, ComputePool pool, List<ExpertShard> shards) {
    return new ExpertFeedForward(moe, hiddenSize, kernels, pool).compute(batch, shards::get);
  }
}
