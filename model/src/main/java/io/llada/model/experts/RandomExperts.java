package io.llada.model.experts;

import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
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

/// Layers of random experts without a checkpoint, and batches for them: for benchmarks, probes of a device and tests.
///
/// The same numbers every time. All thread-safe.
public final class RandomExperts implements ShardWeights {
  private final MoeConfig moe;
  private final int hiddenSize;
  private final WeightFormat format;
  private final int resident;
  private final List<List<PackedMatrix>> distinct = new ArrayList<>();

  /// @param moe counts and widths of the experts
  /// @param distinct experts that differ; the others are copies of them, which compute as fast
  /// @param resident experts of a group that have memory of their own; the others share it with them
  public RandomExperts(MoeConfig moe, int hiddenSize, WeightFormat format, int distinct, int resident) {
    this.moe = moe;
    this.resident = Math.min(resident, moe.expertsPerGroup());
    this.hiddenSize = hiddenSize;
    this.format = format;
    for (int expert = 0; expert < distinct; expert++) {
      SplittableRandom random = new SplittableRandom(expert);
      this.distinct.add(List.of(matrix(moe.expertWidth(), hiddenSize, random), matrix(moe.expertWidth(), hiddenSize,
          random), matrix(hiddenSize, moe.expertWidth(), random)));
    }
  }

  /// Counts and widths of a model that has nothing but routed experts.
  public static MoeConfig shape(int experts, int groups, int expertsPerToken, int width) {
    return new MoeConfig(experts, expertsPerToken, groups, groups, width, 0, 0, 1,
        MoeConfig.RouterKind.GROUPED_SIGMOID, 0);
  }

  public MoeConfig moe() {
    return moe;
  }

  public int hiddenSize() {
    return hiddenSize;
  }

  @Override
  public long shardBytes(ShardId id) {
    return resident * expertBytes();
  }

  /// Bytes of one expert.
  public long expertBytes() {
    return distinct.getFirst().stream().mapToLong(PackedMatrix::bytes).sum();
  }

  @Override
  public ExpertShard load(ShardId id, SegmentAllocator memory, Runnable release) {
    MemorySegment slab = memory.allocate(shardBytes(id), PackedMatrix.ALIGNMENT);
    int first = id.group() * moe.expertsPerGroup();
    long at = 0;
    List<ExpertShard.Expert> experts = new ArrayList<>();
    for (int expert = first; expert < first + resident; expert++) {
      List<PackedMatrix> copies = new ArrayList<>();
      for (PackedMatrix matrix : distinct.get(expert % distinct.size())) {
        copies.add(PackedMatrix.of(format, matrix.rows(), matrix.columns(), slab.asSlice(at, matrix.bytes()).copyFrom(
            matrix.data())));
        at += matrix.bytes();
      }
      experts.add(new ExpertShard.Expert(copies.get(0), copies.get(1), copies.get(2)));
    }
    for (int shared = 0; experts.size() < moe.expertsPerGroup(); shared++) {
      experts.add(experts.get(shared));
    }
    return new ExpertShard(id, first, List.copyOf(experts), release);
  }

  private PackedMatrix matrix(int rows, int columns, SplittableRandom random) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment data = scratch.allocate((long) rows * columns * Float.BYTES, Float.BYTES);
      for (long i = 0; i < (long) rows * columns; i++) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextGaussian() / Math.sqrt(columns)));
      }
      return PackedMatrix.pack(List.of(new TensorView("random", ElementType.F32, rows, columns, data)), format, Arena
          .ofAuto());
    }
  }

  /// A batch in which every token uses as many different random experts as the shape says.
  public ExpertBatch batch(int layer, int tokens, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int perToken = moe.expertsPerToken();
    int[] experts = new int[tokens * perToken];
    float[] weights = new float[experts.length];
    for (int token = 0; token < tokens; token++) {
      int[] all = new int[moe.experts()];
      for (int expert = 0; expert < all.length; expert++) {
        all[expert] = expert;
      }
      for (int choice = 0; choice < perToken; choice++) {
        int drawn = random.nextInt(choice, all.length);
        experts[token * perToken + choice] = all[drawn];
        all[drawn] = all[choice];
        weights[token * perToken + choice] = (float) random.nextDouble();
      }
    }
    float[] rows = new float[tokens * hiddenSize];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    return ExpertBatch.of(layer, rows, new Routing(tokens, perToken, experts, weights), moe);
  }
}
