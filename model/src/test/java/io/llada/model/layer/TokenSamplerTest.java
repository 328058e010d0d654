package io.llada.model.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.llada.model.unmasking.Sampling;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Draws from one row of logits. The mask is token 2 throughout.
class TokenSamplerTest {
  private static final int MASK = 2;
  private static final int DRAWS = 40_000;
  /// Four standard deviations of a frequency over [#DRAWS] draws, at most.
  private static final double DEVIATION = 4 * 0.5 / Math.sqrt(DRAWS);
  /// Probabilities 0.4, 0.3, (mask), 0.2, 0.1 at temperature 1.
  private static final float[] LOGITS = logs(0.4, 0.3, 1000, 0.2, 0.1);

  private static float[] logs(double... weights) {
    float[] logits = new float[weights.length];
    for (int i = 0; i < weights.length; i++) {
      logits[i] = (float) Math.log(weights[i]);
    }
    return logits;
  }

  private record Draw(int token, float confidence) {}

  private static Draw draw(float[] logits, Sampling sampling, int position, int step) {
    RowPredictions target = new RowPredictions(new int[3], new float[3]);
    TokenSampler.draw(logits, 0, logits.length, MASK, new RowSampling(sampling, position, step), target, 1);
    assertThat(target.tokens()[0] + target.tokens()[2]).as("neighbouring rows").isZero();
    return new Draw(target.tokens()[1], target.confidences()[1]);
  }

  /// Draws with many seeds; the frequencies and the stated confidences must both be `expected`.
  private static void requireDistribution(float[] logits, Sampling like, double... expected) {
    int[] counts = new int[logits.length];
    for (int seed = 0; seed < DRAWS; seed++) {
      Draw draw = draw(logits, new Sampling(like.temperature(), like.topK(), like.topP(), seed), 5, 1);
      counts[draw.token()]++;
      assertThat(draw.confidence()).isCloseTo((float) expected[draw.token()], within(1e-5f));
    }
    for (int token = 0; token < expected.length; token++) {
      assertThat((double) counts[token] / DRAWS).as("frequency of token %d", token).isCloseTo(expected[token], within(
          expected[token] == 0 ? 0.0 : DEVIATION));
    }
  }

  @Test
  void drawsFollowTheProbabilitiesWithoutTheMask() {
    requireDistribution(LOGITS, new Sampling(1, 0, 1, 0), 0.4, 0.3, 0, 0.2, 0.1);
  }

  @Test
  void theTemperatureFlattens() {
    double[] flat = Arrays.stream(new double[]{0.4, 0.3, 0, 0.2, 0.1}).map(Math::sqrt).toArray();
    double sum = Arrays.stream(flat).sum();
    requireDistribution(LOGITS, new Sampling(2, 0, 1, 0), Arrays.stream(flat).map(p -> p / sum).toArray());
  }

  @Test
  void topKKeepsTheKMostProbable() {
    requireDistribution(LOGITS, new Sampling(1, 2, 1, 0), 4 / 7.0, 3 / 7.0, 0, 0, 0);
    requireDistribution(LOGITS, new Sampling(1, 1, 1, 0), 1, 0, 0, 0, 0);
  }

  @Test
  void topKKeepsTiesWithTheKth() {
    requireDistribution(logs(0.25, 0.25, 1000, 0.25, 0.25), new Sampling(1, 2, 1, 0), 0.25, 0.25, 0, 0.25, 0.25);
  }

  @Test
  void topKBeyondTheVocabularyKeepsAll() {
    requireDistribution(LOGITS, new Sampling(1, 500, 1, 0), 0.4, 0.3, 0, 0.2, 0.1);
  }

  @Test
  void topPKeepsTheSmallestNucleus() {
    // 0.4 + 0.3 is above 0.65: the third token has more than the mass before it.
    requireDistribution(LOGITS, new Sampling(1, 0, 0.65f, 0), 4 / 7.0, 3 / 7.0, 0, 0, 0);
    requireDistribution(LOGITS, new Sampling(1, 0, 0.75f, 0), 4 / 9.0, 3 / 9.0, 0, 2 / 9.0, 0);
  }

  @Test
  void topPAlwaysKeepsTheFirst() {
    requireDistribution(LOGITS, new Sampling(1, 0, 1e-6f, 0), 1, 0, 0, 0, 0);
  }

  @Test
  void topPIsAppliedAfterTopK() {
    // Of 4/9, 3/9, 2/9 the first two hold 7/9.
    requireDistribution(LOGITS, new Sampling(1, 3, 0.7f, 0), 4 / 7.0, 3 / 7.0, 0, 0, 0);
  }

  @Test
  void theMaskIsNeverDrawn() {
    Random random = new Random(1);
    for (int seed = 0; seed < 2000; seed++) {
      float[] logits = {random.nextFloat(), random.nextFloat(), 1e30f, random.nextFloat()};
      assertThat(draw(logits, new Sampling(2, 0, 1, seed), seed, 0).token()).isNotEqualTo(MASK);
    }
  }

  @Test
  void aTinyTemperatureIsGreedy() {
    for (int seed = 0; seed < 100; seed++) {
      assertThat(draw(LOGITS, new Sampling(Float.MIN_VALUE, 0, 1, seed), 0, 0)).isEqualTo(new Draw(0, 1));
    }
  }

  @Test
  void enormousDifferencesStayFinite() {
    float[] logits = {Float.MAX_VALUE, -Float.MAX_VALUE, 0, Float.NEGATIVE_INFINITY};
    assertThat(draw(logits, new Sampling(2, 0, 1, 3), 0, 0)).isEqualTo(new Draw(0, 1));
  }

  @Test
  void theSameKeyDrawsTheSameToken() {
    float[] logits = new float[64];
    Sampling sampling = new Sampling(1, 0, 1, 12);
    int[] first = new int[50];
    for (int step = 0; step < 50; step++) {
      first[step] = draw(logits, sampling, 40, step).token();
    }
    for (int step = 49; step >= 0; step--) {
      assertThat(draw(logits, sampling, 40, step).token()).as("resumed at step %d", step).isEqualTo(first[step]);
    }
    assertThat(first).isNotEqualTo(IntStream.range(0, 50).map(step -> draw(logits, sampling, 41, step)
        .token()).toArray());
  }

  @Test
  void logitsThatAreNoNumbersAreRefused() {
    for (float bad : new float[]{Float.NaN, Float.POSITIVE_INFINITY}) {
      assertThatThrownBy(() -> draw(new float[]{1, bad, 0, 3}, new Sampling(1, 0, 1, 0), 0, 0)).isInstanceOf(
          ArithmeticException.class).hasMessageContaining("" + bad);
    }
  }
}
