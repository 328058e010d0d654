package io.llada.model.experts;

import io.llada.model.config.ShardId;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Sixteen random experts in four groups: the same bits alone, in company, in one call or in several.
class ExpertFeedForwardTest {
  private static final int HIDDEN = 40;
  private static final int WIDTH = 21;
  private static final int TOKENS = 23;
  private static final MoeConfig MOE = new MoeConfig(16, 5, 4, 4, WIDTH, 0, 0, 1,
      MoeConfig.RouterKind.GROUPED_SIGMOID, 0);
  private static final ComputePool POOL = new ComputePool(1);
  private static final Arena ARENA = Arena.ofAuto();
  private static final List<ExpertShard> SHARDS = shards();
  private static final float[] ROWS = random(TOKENS * HIDDEN, new Random(2));
  private static final Routing ROUTING = ExpertBatchTest.routing(TOKENS, 5, 16, new Random(3));

  private static List<ExpertShard> shards() {
    Random random = new Random(1);
    List<ExpertShard> shards = new ArrayList<>();
    for (int group = 0; group < 4; group++) {
      List<ExpertShard.Expert> experts = IntStream.range(0, 4).mapToObj(_ -> new ExpertShard.Expert(matrix(WIDTH,
          HIDDEN, random), matrix(WIDTH, HIDDEN, random), matrix(HIDDEN, WIDTH, random))).toList();
      shards.add(new ExpertShard(new ShardId(1, group), group * 4, experts, () -> {}));
    }
    return shards;
  }

  private static float[] random(int count, Random random) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static PackedMatrix matrix(int rows, int columns, Random random) {
    float[] values = random(rows * columns, random);
    MemorySegment data = ARENA.allocate(4L * values.length, 4);
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
    return PackedMatrix.pack(new TensorView("random", ElementType.F32, rows, columns, data), ARENA);
  }

  static List<Kernels> kernels() {
    return List.of(new ScalarKernels(), new VectorKernels());
  }

  private static PartialSums compute(Kernels kernels, int threads, ExpertBatch batch) {
    try (ComputePool pool = new ComputePool(threads)) {
      return new ExpertFeedForward(MOE, HIDDEN, kernels, pool).compute(batch, SHARDS::get);
    }
  }

  private static ExpertBatch whole() {
    return ExpertBatch.of(1, ROWS, ROUTING, MOE);
  }

  /// The pairs of some groups, as a node that owns just these would get them.
  private static ExpertBatch ofGroups(ExpertBatch batch, IntPredicate group) {
    int[] pairs = IntStream.range(0, batch.pairs()).filter(pair -> group.test(MOE.groupOf(batch.pairExpert()[pair])))
        .toArray();
    float[] weights = new float[pairs.length];
    for (int i = 0; i < pairs.length; i++) {
      weights[i] = batch.pairWeight()[pairs[i]];
    }
    return new ExpertBatch(1, batch.tokens(), batch.rows(), IntStream.of(pairs).map(pair -> batch.pairToken()[pair])
        .toArray(), IntStream.of(pairs).map(pair -> batch.pairExpert()[pair]).toArray(), weights);
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void theSumsAreThoseOfTheFormula(Kernels kernels) {
    ExpertBatch batch = whole();
    PartialSums sums = compute(kernels, 2, batch);
    for (int partial = 0; partial < sums.count(); partial++) {
      double[] expected = new double[HIDDEN];
      double[] magnitude = new double[HIDDEN];
      for (int pair = 0; pair < batch.pairs(); pair++) {
        int expert = batch.pairExpert()[pair];
        if (batch.pairToken()[pair] == sums.token()[partial] && MOE.groupOf(expert) == sums.group()[partial]) {
          addExpert(SHARDS.get(expert / 4).expert(expert), batch.pairToken()[pair], batch.pairWeight()[pair], expected,
              magnitude);
        }
      }
      for (int i = 0; i < HIDDEN; i++) {
        assertThat((double) sums.rows()[partial * HIDDEN + i]).isCloseTo(expected[i], within(1e-5 * magnitude[i]));
      }
    }
  }

  private static void addExpert(ExpertShard.Expert expert, int token, double weight, double[] sum,
      double[] magnitude) {
    for (int w = 0; w < WIDTH; w++) {
      double gate = 0;
      double up = 0;
      for (int i = 0; i < HIDDEN; i++) {
        gate += (double) expert.gate().at(w, i) * ROWS[token * HIDDEN + i];
        up += (double) expert.up().at(w, i) * ROWS[token * HIDDEN + i];
      }
      double inner = gate / (1 + Math.exp(-gate)) * up;
      for (int i = 0; i < HIDDEN; i++) {
        double term = weight * inner * expert.down().at(i, w);
        sum[i] += term;
        magnitude[i] += Math.abs(term);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void partialSumsAreSortedByGroupAndToken(Kernels kernels) {
    PartialSums sums = compute(kernels, 1, whole());
    for (int i = 1; i < sums.count(); i++) {
      assertThat(sums.group()[i - 1] * TOKENS + sums.token()[i - 1]).isLessThan(sums.group()[i] * TOKENS + sums
          .token()[i]);
    }
  }

  @Test
  void kernelsAndThreadsChangeNoBit() {
    PartialSums expected = compute(new ScalarKernels(), 1, whole());
    for (Kernels kernels : kernels()) {
      for (int threads : new int[]{1, 2, 6}) {
        assertThat(compute(kernels, threads, whole()).rows()).containsExactly(expected.rows());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void aTokenAloneGivesTheSameBitsAsInCompany(Kernels kernels) {
    float[] together = new float[TOKENS * HIDDEN];
    compute(kernels, 2, whole()).addTo(together, TOKENS, HIDDEN, POOL);
    for (int token = 0; token < TOKENS; token++) {
      Routing own = new Routing(1, 5, Arrays.copyOfRange(ROUTING.experts(), token * 5, token * 5 + 5), Arrays
          .copyOfRange(ROUTING.weights(), token * 5, token * 5 + 5));
      float[] row = Arrays.copyOfRange(ROWS, token * HIDDEN, (token + 1) * HIDDEN);
      float[] alone = new float[HIDDEN];
      compute(kernels, 2, ExpertBatch.of(1, row, own, MOE)).addTo(alone, 1, HIDDEN, POOL);
      assertThat(Arrays.copyOfRange(together, token * HIDDEN, (token + 1) * HIDDEN)).as("token %d", token)
          .containsExactly(alone);
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void groupsInSeveralCallsGiveTheSameBitsAsInOne(Kernels kernels) {
    PartialSums expected = compute(kernels, 2, whole());
    for (int split = 0; split < 16; split++) {
      int owned = split;
      PartialSums here = compute(kernels, 2, ofGroups(whole(), group -> (owned >> group & 1) == 1));
      PartialSums there = compute(kernels, 2, ofGroups(whole(), group -> (owned >> group & 1) == 0));
      assertThat(here.count() + there.count()).isEqualTo(expected.count());
      for (PartialSums part : List.of(here, there)) {
        for (int i = 0; i < part.count(); i++) {
          assertThat(Arrays.copyOfRange(part.rows(), i * HIDDEN, (i + 1) * HIDDEN)).containsExactly(row(expected, part
              .token()[i], part.group()[i]));
        }
      }
    }
  }

  private static float[] row(PartialSums sums, int token, int group) {
    int at = IntStream.range(0, sums.count()).filter(i -> sums.token()[i] == token && sums.group()[i] == group)
        .findFirst().orElseThrow();
    return Arrays.copyOfRange(sums.rows(), at * HIDDEN, (at + 1) * HIDDEN);
  }

  /// 1e8 + 1 is 1e8 in F32: the order of additions shows.
  @Test
  void groupsAreSummedFromZeroInAscendingOrderAndAddedOnce() {
    PartialSums sums = new PartialSums(new int[]{0, 0, 0}, new int[]{0, 1, 3}, new float[]{1e8f, -1e8f, 3});
    float[] out = {1};
    sums.addTo(out, 1, 1, POOL);
    assertThat(out).containsExactly(4f);
  }

  @Test
  void noPairsGiveNoSums() {
    assertThat(compute(new VectorKernels(), 2, ofGroups(whole(), _ -> false)).count()).isZero();
  }

  @Test
  void anExpertOfAnotherGroupIsRefused() {
    assertThatThrownBy(() -> SHARDS.get(1).expert(8)).isInstanceOf(
        IllegalArgumentException.class).hasMessageContaining("4..7");
    assertThat(SHARDS.get(0).bytes()).isEqualTo(4L * 4 * (2 * 32 * HIDDEN + 64 * WIDTH));
  }
}
