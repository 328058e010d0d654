package io.llada.model.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.llada.model.config.ModelConfig;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import io.llada.model.unmasking.Sampling;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A head over a vocabulary of three tiles, the last one partial.
class LanguageModelHeadTest {
  private static final int HIDDEN = 6;
  private static final int VOCABULARY = 4500;
  private static final ComputePool POOL = new ComputePool(2);

  static List<Kernels> kernels() {
    return List.of(new ScalarKernels(), new VectorKernels());
  }

  /// @param weights `(VOCABULARY, HIDDEN)`
  private static LanguageModelHead head(float[] weights, int mask, Kernels kernels) {
    MemorySegment data = Arena.ofAuto().allocate(4L * weights.length, 4);
    MemorySegment.copy(weights, 0, data, ValueLayout.JAVA_FLOAT, 0, weights.length);
    TensorView tensor = new TensorView("head", ElementType.F32, VOCABULARY, HIDDEN, data);
    ModelConfig config = new ModelConfig(ModelConfig.Family.LLADA_8B, 1, HIDDEN, VOCABULARY, 1, 1, 6, 6, 1e4, 1e-6f, 8,
        Optional.empty(), 64, 32, mask, 1);
    return new LanguageModelHead(new TransformerWeights(config, tensor, List.of(), new float[HIDDEN], PackedMatrix.pack(
        tensor, Arena.ofAuto()), Arena.ofAuto()), kernels, POOL);
  }

  private static float[] random(int count, int seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static List<RowSampling> greedy(int rows) {
    return IntStream.range(0, rows).mapToObj(row -> new RowSampling(Sampling.GREEDY, row, 0)).toList();
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void aGreedyRowIsTheArgmaxWithItsProbability(Kernels kernels) {
    float[] rows = random(5 * HIDDEN, 1);
    LanguageModelHead head = head(random(VOCABULARY * HIDDEN, 2), 4499, kernels);
    float[] logits = head.logits(rows, 5);
    RowPredictions predictions = head.predict(rows, greedy(5));
    for (int row = 0; row < 5; row++) {
      int first = row * VOCABULARY;
      int best = IntStream.range(0, VOCABULARY - 1).reduce((a, b) -> logits[first + b] > logits[first + a] ? b : a)
          .orElseThrow();
      double sum = IntStream.range(0, VOCABULARY).mapToDouble(t -> Math.exp(logits[first + t] - logits[first + best]))
          .sum();
      assertThat(predictions.tokens()[row]).isEqualTo(best);
      assertThat(predictions.confidences()[row]).isCloseTo((float) (1 / sum), within(1e-6f));
    }
  }

  /// The mask has by far the largest logit, wherever it lies; its mass counts.
  @ParameterizedTest
  @MethodSource("kernels")
  void theMaskIsNeverPredicted(Kernels kernels) {
    for (int mask : new int[]{0, 2047, 2048, 4499}) {
      float[] weights = new float[VOCABULARY * HIDDEN];
      Arrays.fill(weights, mask * HIDDEN, (mask + 1) * HIDDEN, 1f);
      weights[3000 * HIDDEN] = 1f;
      float[] row = {2, 2, 2, 2, 2, 2};
      RowPredictions predictions = head(weights, mask, kernels).predict(row, greedy(1));
      assertThat(predictions.tokens()).containsExactly(3000);
      double maskMass = Math.exp(12 - 2);
      assertThat(predictions.confidences()[0]).isCloseTo((float) (1 / (maskMass + 1 + 4498 * Math.exp(-2))), within(
          1e-8f));
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void tiesGoToTheLowerTokenAlsoAcrossTiles(Kernels kernels) {
    float[] weights = new float[VOCABULARY * HIDDEN];
    for (int token : new int[]{2500, 2501, 4400}) {
      weights[token * HIDDEN] = 1f;
    }
    assertThat(head(weights, 7, kernels).predict(new float[]{1, 0, 0, 0, 0, 0}, greedy(1)).tokens()).containsExactly(
        2500);
    assertThat(head(weights, 2500, kernels).predict(new float[]{1, 0, 0, 0, 0, 0}, greedy(1)).tokens())
        .containsExactly(2501);
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void rowsGetWhatTheyGetAloneGreedyAndSampledMixed(Kernels kernels) {
    int count = 21;
    float[] rows = random(count * HIDDEN, 3);
    LanguageModelHead head = head(random(VOCABULARY * HIDDEN, 4), 9, kernels);
    List<RowSampling> samplings = IntStream.range(0, count).mapToObj(row -> new RowSampling(row % 3 == 0
        ? Sampling.GREEDY
        : new Sampling(1, row, 0.9f, row), row, row % 2)).toList();
    RowPredictions together = head.predict(rows, samplings);
    for (int row = 0; row < count; row++) {
      RowPredictions alone = head.predict(Arrays.copyOfRange(rows, row * HIDDEN, (row + 1) * HIDDEN), samplings.subList(
          row, row + 1));
      assertThat(together.tokens()[row]).isEqualTo(alone.tokens()[0]).isNotEqualTo(9);
      assertThat(together.confidences()[row]).isEqualTo(alone.confidences()[0]).isBetween(0f, 1f);
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void aRowThatOverflowedIsRefusedAndNotGuessed(Kernels kernels) {
    LanguageModelHead head = head(random(VOCABULARY * HIDDEN, 5), 9, kernels);
    float[] row = {1, 2, Float.NaN, 4, 5, 6};
    assertThatThrownBy(() -> head.predict(row, greedy(1))).isInstanceOf(ArithmeticException.class)
        .hasMessageContaining("NaN");
    assertThatThrownBy(() -> head.predict(row, List.of(new RowSampling(new Sampling(1, 0, 1, 0), 0, 0)))).isInstanceOf(
        ArithmeticException.class);
  }
}
