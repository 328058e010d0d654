package io.llada.model.experts;

import io.llada.model.config.ShardId;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.model.config.MoeConfig;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ExpertBatchTest {
  private static MoeConfig moe(int experts, int groups, int perToken) {
    return new MoeConfig(experts, perToken, groups, groups, 8, 0, 0, 1, MoeConfig.RouterKind.GROUPED_SIGMOID, 0);
  }

  /// Distinct experts per token in random order; the weight tells token and expert.
  static Routing routing(int tokens, int perToken, int experts, Random random) {
    int[] ids = new int[tokens * perToken];
    float[] weights = new float[ids.length];
    for (int token = 0; token < tokens; token++) {
      int[] chosen = random.ints(0, experts).distinct().limit(perToken).toArray();
      for (int k = 0; k < perToken; k++) {
        ids[token * perToken + k] = chosen[k];
        weights[token * perToken + k] = token + chosen[k] / 1024f;
      }
    }
    return new Routing(tokens, perToken, ids, weights);
  }

  @Test
  void pairsAreSortedByGroupTokenAndExpertWithTheirWeights() {
    for (int[] shape : new int[][]{{256, 8, 8, 33}, {1024, 512, 8, 5}, {8, 1, 3, 17}, {2, 1, 1, 1}}) {
      MoeConfig moe = moe(shape[0], shape[1], shape[2]);
      Routing routing = routing(shape[3], shape[2], shape[0], new Random(shape[0]));
      ExpertBatch batch = ExpertBatch.of(4, new float[shape[3]], routing, moe);
      assertThat(batch.layer()).isEqualTo(4);
      assertThat(batch.pairs()).isEqualTo(shape[2] * shape[3]);
      Map<Float, Integer> seen = new HashMap<>();
      for (int pair = 0; pair < batch.pairs(); pair++) {
        assertThat(batch.pairWeight()[pair]).isEqualTo(batch.pairToken()[pair] + batch.pairExpert()[pair] / 1024f);
        seen.merge(batch.pairWeight()[pair], 1, Integer::sum);
        assertThat(pair == 0 || order(batch, moe, pair - 1) < order(batch, moe, pair)).as("pair %d", pair).isTrue();
      }
      assertThat(seen).hasSize(batch.pairs());
    }
  }

  private static long order(ExpertBatch batch, MoeConfig moe, int pair) {
    int expert = batch.pairExpert()[pair];
    return (moe.groupOf(expert) * 100_000L + batch.pairToken()[pair]) * 10_000L + expert;
  }

  @Test
  void moreTokensThanTheOrderHasRoomForAreRefused() {
    int tokens = (1 << 20) + 1;
    Routing routing = new Routing(tokens, 1, new int[tokens], new float[tokens]);
    assertThatThrownBy(() -> ExpertBatch.of(0, new float[0], routing, moe(2, 1, 1))).isInstanceOf(
        IllegalArgumentException.class).hasMessageContaining("1048577");
  }

  @Test
  void theLargestTokenIsStillInOrder() {
    int tokens = 1 << 20;
    int[] experts = new int[tokens];
    experts[0] = 1023;
    ExpertBatch batch = ExpertBatch.of(0, new float[0], new Routing(tokens, 1, experts, new float[tokens]), moe(1024,
        512, 1));
    assertThat(batch.pairToken()[tokens - 2]).isEqualTo(tokens - 1);
    assertThat(batch.pairExpert()[tokens - 1]).isEqualTo(1023);
    assertThat(batch.pairToken()[tokens - 1]).isZero();
  }

  @Test
  void arraysThatDisagreeAreRefused() {
    assertThatThrownBy(() -> new Routing(2, 3, new int[5], new float[5])).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 tokens x 3 experts need 6 entries");
    assertThatThrownBy(() -> new ExpertBatch(0, 1, new float[1], new int[2], new int[1], new float[2])).isInstanceOf(
        IllegalArgumentException.class).hasMessageContaining("2 tokens, 1 experts, 2 weights");
    assertThatThrownBy(() -> new ShardId(-1, 0)).isInstanceOf(IllegalArgumentException.class);
  }
}
