package io.llada.coordinator.simulation;

import io.llada.coordinator.placement.ExpertModel;
import io.llada.expertnode.ExpertNodeModel;
import io.llada.expertnode.ExpertNodeModel.OwnCheckpoint;
import io.llada.model.config.MoeConfig;
import io.llada.model.config.MoeConfig.RouterKind;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertOutline;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.PartialSums;
import io.llada.model.experts.Routing;
import io.llada.model.experts.ShardWeights;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntFunction;

/// A model whose experts are integer formulas: sums are exact in any order, so a partial sum that is missing, changed or
/// added twice shows in the result.
final class SimulatedModel {
  static final int HIDDEN_SIZE = 2;
  static final long SHARD_BYTES = 1_000;
  static final int LAYERS = 2;

  private static final int GROUPS = 4;
  private static final int EXPERTS = 8;
  private static final int PER_TOKEN = 3;
  private static final int FIRST_LAYER = 1;
  private static final String NUMERICS = "integers";
  private static final MoeConfig MOE = new MoeConfig(EXPERTS, PER_TOKEN, GROUPS, GROUPS, 1, 0, FIRST_LAYER, 1,
      RouterKind.SOFTMAX, 0);
  private static final List<ShardId> SHARDS = shardIds();
  private static final PackedMatrix NO_WEIGHTS = PackedMatrix.of(WeightFormat.F32, 1, 1,
      Arena.global().allocate(PackedMatrix.packedBytes(1, 1, WeightFormat.F32), PackedMatrix.ALIGNMENT));
  private static final ExpertShard.Expert NO_EXPERT = new ExpertShard.Expert(NO_WEIGHTS, NO_WEIGHTS, NO_WEIGHTS);

  static final String DIGEST = "digest-of-the-model";

  private SimulatedModel() {}

  private static List<ShardId> shardIds() {
    List<ShardId> shards = new ArrayList<>();
    for (int layer = FIRST_LAYER; layer < FIRST_LAYER + LAYERS; layer++) {
      for (int group = 0; group < GROUPS; group++) {
        shards.add(new ShardId(layer, group));
      }
    }
    return List.copyOf(shards);
  }

  static List<ShardId> shards() {
    return SHARDS;
  }

  static ExpertModel forCoordinators() {
    return new ExpertModel(DIGEST, NUMERICS, HIDDEN_SIZE, MOE, SHARDS, SHARD_BYTES);
  }

  /// @param onLoad told of every shard that is loaded
  /// @param onClose told of every shard whose memory is freed
  static ExpertNodeModel forNodes(String digest, Runnable onLoad, Runnable onClose) {
    ExpertOutline outline = new ExpertOutline(digest, FIRST_LAYER + LAYERS, HIDDEN_SIZE, MOE, Set.of(WeightFormat.F32),
        SHARD_BYTES);
    return new ExpertNodeModel(outline, NUMERICS, "simulated", Optional.of(new OwnCheckpoint(new NoWeights(), true)),
        (id, weights) -> {
          onLoad.run();
          return new ExpertShard(id, id.group() * MOE.expertsPerGroup(),
              Collections.nCopies(MOE.expertsPerGroup(), NO_EXPERT), onClose);
        }, (batch, shards) -> compute(batch, shards, digest));
  }

  /// Formulas need none.
  private static final class NoWeights implements ShardWeights {
    @Override
    public long shardBytes(ShardId id) {
      return SHARD_BYTES;
    }

    @Override
    public ExpertShard load(ShardId id, SegmentAllocator memory, Runnable release) {
      throw new UnsupportedOperationException("a simulated shard has no weights");
    }
  }

  static String numericsClass() {
    return NUMERICS;
  }

  /// One layer's rows on their way through the experts.
  ///
  /// @param rows `(tokens, HIDDEN_SIZE)`
  record Work(int layer, float[] rows, Routing routing) {
    static Work drawn(Random random) {
      int tokens = 1 + random.nextInt(5);
      float[] rows = new float[tokens * HIDDEN_SIZE];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = 1 + random.nextInt(30);
      }
      int[] experts = new int[tokens * PER_TOKEN];
      float[] weights = new float[experts.length];
      for (int token = 0; token < tokens; token++) {
        int first = random.nextInt(EXPERTS);
        int step = 1 + 2 * random.nextInt(EXPERTS / 2);
        for (int i = 0; i < PER_TOKEN; i++) {
          experts[token * PER_TOKEN + i] = (first + i * step) % EXPERTS;
          weights[token * PER_TOKEN + i] = 1 + random.nextInt(4);
        }
      }
      return new Work(FIRST_LAYER + random.nextInt(LAYERS), rows, new Routing(tokens, PER_TOKEN, experts, weights));
    }

    /// What the layer must come to, `(tokens, HIDDEN_SIZE)`.
    float[] expected() {
      float[] sums = new float[rows.length];
      for (int pair = 0; pair < routing.experts().length; pair++) {
        int token = pair / PER_TOKEN;
        for (int i = 0; i < HIDDEN_SIZE; i++) {
          sums[token * HIDDEN_SIZE + i] += routing.weights()[pair]
              * value(layer, routing.experts()[pair], rows[token * HIDDEN_SIZE + i], i);
        }
      }
      return sums;
    }
  }

  private static float value(int layer, int expert, float row, int column) {
    return row * (expert + 1) + 7 * layer + 3 * expert + column;
  }

  private static PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards, String digest) {
    int[] token = new int[batch.pairs()];
    int[] group = new int[batch.pairs()];
    float[] rows = new float[batch.pairs() * HIDDEN_SIZE];
    int sums = 0;
    for (int pair = 0; pair < batch.pairs(); pair++) {
      int pairGroup = MOE.groupOf(batch.pairExpert()[pair]);
      if (sums == 0 || group[sums - 1] != pairGroup || token[sums - 1] != batch.pairToken()[pair]) {
        token[sums] = batch.pairToken()[pair];
        group[sums] = pairGroup;
        sums++;
      }
      requireShard(shards.apply(pairGroup), batch.layer(), pairGroup);
      for (int i = 0; i < HIDDEN_SIZE; i++) {
        float value = value(batch.layer(), batch.pairExpert()[pair],
            batch.rows()[batch.pairToken()[pair] * HIDDEN_SIZE + i], i);
        // Another checkpoint has other weights.
        rows[(sums - 1) * HIDDEN_SIZE + i] += batch.pairWeight()[pair] * (digest.equals(DIGEST) ? value : -value);
      }
    }
    return new PartialSums(Arrays.copyOf(token, sums), Arrays.copyOf(group, sums),
        Arrays.copyOf(rows, sums * HIDDEN_SIZE));
  }

  private static void requireShard(ExpertShard shard, int layer, int group) {
    if (!shard.id().equals(new ShardId(layer, group))) {
      throw new InvariantViolation("I5", "layer %d group %d computed with %s".formatted(layer, group, shard.id()));
    }
  }

  /// The groups of a layer that a token row of this work uses.
  static Set<Integer> groups(Work work) {
    Set<Integer> groups = new TreeSet<>();
    for (int expert : work.routing().experts()) {
      groups.add(MOE.groupOf(expert));
    }
    return groups;
  }
}
