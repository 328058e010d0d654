package io.llada.model.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.llada.model.config.MoeConfig;
import io.llada.model.config.MoeConfig.RouterKind;
import io.llada.model.experts.Routing;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import io.llada.model.kernel.VectorKernels;
import org.junit.jupiter.api.Test;

class RouterTest {
  private static final float[] NO_BIAS = new float[16];

  private static MoeConfig moe(RouterKind kind, int keptGroups, int capacity) {
    return new MoeConfig(16, 3, 4, keptGroups, 8, 0, 0, 2.5f, kind, capacity);
  }

  private static float[] logits(int rows, int seed) {
    Random random = new Random(seed);
    float[] logits = new float[rows * 16];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) random.nextGaussian();
    }
    return logits;
  }

  @Test
  void tiesGoToTheLowerExpertAndTheLowerGroup() {
    Routing routing = new Router(moe(RouterKind.GROUPED_SIGMOID, 2, 0), 32, new VectorKernels()).route(new float[16],
        NO_BIAS, 0, 1);
    assertThat(routing.experts()).containsExactly(0, 1, 2);
  }

  @Test
  void aTokenUsesNoMoreGroupsThanKept() {
    int rows = 200;
    Routing routing = new Router(moe(RouterKind.GROUPED_SIGMOID, 1, 0), 32, new VectorKernels()).route(logits(rows, 1),
        NO_BIAS, 0, rows);
    for (int row = 0; row < rows; row++) {
      int[] experts = Arrays.copyOfRange(routing.experts(), row * 3, row * 3 + 3);
      assertThat(Arrays.stream(experts).map(expert -> expert / 4).distinct().count()).isEqualTo(1);
      assertThat(Arrays.stream(experts).distinct().count()).isEqualTo(3);
    }
  }

  @Test
  void sigmoidWeightsAreNormalisedAndScaled() {
    Routing routing = new Router(moe(RouterKind.GROUPED_SIGMOID, 2, 0), 32, new VectorKernels()).route(logits(50, 2),
        NO_BIAS, 0, 50);
    for (int row = 0; row < 50; row++) {
      float[] weights = Arrays.copyOfRange(routing.weights(), row * 3, row * 3 + 3);
      assertThat(weights[0] + weights[1] + weights[2]).isCloseTo(2.5f, within(1e-5f));
      assertThat(weights[0]).isGreaterThanOrEqualTo(weights[1]);
    }
  }

  @Test
  void theBiasDecidesTheChoiceButNotTheWeight() {
    float[] logits = new float[16];
    float[] bias = new float[16];
    bias[9] = 5;
    bias[10] = 4;
    bias[11] = 3;
    Routing routing = new Router(moe(RouterKind.GROUPED_SIGMOID, 1, 0), 32, new VectorKernels()).route(logits, bias, 0,
        1);
    assertThat(routing.experts()).containsExactly(9, 10, 11);
    assertThat(routing.weights()).containsOnly(routing.weights()[0]);
  }

  @Test
  void softmaxWeightsAreProbabilities() {
    Routing routing = new Router(new MoeConfig(16, 16, 2, 2, 8, 0, 0, 1, RouterKind.SOFTMAX, 0), 32,
        new VectorKernels()).route(logits(9, 3),
            NO_BIAS, 0, 9);
    for (int row = 0; row < 9; row++) {
      double sum = IntStream.range(row * 16, row * 16 + 16).mapToDouble(i -> routing.weights()[i]).sum();
      assertThat(sum).isCloseTo(1, within(1e-6));
    }
  }

  @Test
  void enormousLogitsStayFinite() {
    float[] logits = new float[16];
    Arrays.fill(logits, -Float.MAX_VALUE);
    logits[6] = Float.MAX_VALUE;
    for (RouterKind kind : RouterKind.values()) {
      Routing routing = new Router(moe(kind, 4, 8), 32, new VectorKernels()).route(logits, NO_BIAS, 0, 1);
      assertThat(routing.experts()[0]).isEqualTo(6);
      for (float weight : routing.weights()) {
        assertThat(weight).isFinite();
      }
    }
  }

  @Test
  void aBlockUsesNoMoreExpertsThanItsPool() {
    float[] logits = logits(16, 4);
    // Positions 5..20 lie in blocks 0..7, 8..15, 16..23.
    Routing routing = new Router(moe(RouterKind.BLOCK_POOL_SIGMOID, 4, 4), 8, new VectorKernels()).route(logits,
        NO_BIAS, 5, 16);
    int[][] blocks = {{0, 3}, {3, 11}, {11, 16}};
    for (int[] block : blocks) {
      assertThat(Arrays.stream(routing.experts(), block[0] * 3, block[1] * 3).distinct().count())
          .isLessThanOrEqualTo(4);
    }
    assertThat(Arrays.stream(routing.experts()).distinct().count()).isGreaterThan(4);
  }
}
