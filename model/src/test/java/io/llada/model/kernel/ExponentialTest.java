package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/// exp: at most [#LARGEST_ERROR] units in the last place away from the exact value, for every argument whose result is
/// neither clamped nor smaller than the smallest normal number. Over all floats it is 1.011, at -6.03.
class ExponentialTest {
  private static final double LARGEST_ERROR = 1.02;
  /// Every how many floats one is tried; a prime, so that low bits vary.
  private static final int STRIDE = 1009;

  @Test
  void theErrorStaysWithinItsBound() {
    double worst = 0;
    int lowest = Float.floatToIntBits(-Exponential.LOWEST);
    int highest = Float.floatToIntBits(Exponential.HIGHEST);
    for (int bits = 0; bits <= lowest; bits += STRIDE) {
      worst = Math.max(worst, error(-Float.intBitsToFloat(bits)));
    }
    for (int bits = 0; bits <= highest; bits += STRIDE) {
      worst = Math.max(worst, error(Float.intBitsToFloat(bits)));
    }
    assertThat(worst).isBetween(0.5, LARGEST_ERROR);
  }

  /// In units in the last place of the exact result.
  private static double error(float x) {
    double exact = StrictMath.exp(x);
    return Math.abs(Exponential.exp(x) - exact) / Math.ulp((float) exact);
  }

  @Test
  void zeroGivesExactlyOne() {
    assertThat(Exponential.exp(0f)).isEqualTo(1f);
    assertThat(Exponential.exp(-0f)).isEqualTo(1f);
  }

  @Test
  void theExtremesAreClampedToNormalNumbers() {
    assertThat(Exponential.exp(Float.NEGATIVE_INFINITY)).isEqualTo(Exponential.exp(Exponential.LOWEST)).isBetween(
        Float.MIN_NORMAL, 1.2e-38f);
    assertThat(Exponential.exp(-Float.MAX_VALUE)).isEqualTo(Exponential.exp(Exponential.LOWEST));
    assertThat(Exponential.exp(Float.POSITIVE_INFINITY)).isEqualTo(Exponential.exp(Exponential.HIGHEST)).isBetween(
        2.3e38f, 2.5e38f);
  }

  @Test
  void noNanBecomesANumber() {
    for (int bits : new int[]{0x7fc00000, 0xffc00000, 0x7fc00001, 0x7fffffff, 0xffc001ff, 0x7f800001}) {
      assertThat(Exponential.exp(Float.intBitsToFloat(bits))).as("NaN %08x", bits).isNaN();
    }
  }

  @Test
  void theFunctionNeverFallsByMoreThanItsError() {
    float previous = Exponential.exp(-20f);
    for (float x = -20f; x < 20f; x += 0x1p-12f) {
      float value = Exponential.exp(x);
      assertThat(value).isGreaterThanOrEqualTo(previous - 2 * Math.ulp(previous));
      previous = value;
    }
  }

  @Test
  void theVectorTwinGivesTheSameBitsForAnyBits() {
    Random random = new Random(1);
    float[] values = new float[1 << 16];
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat(random.nextInt());
    }
    float[] powers = values.clone();
    new VectorKernels().expSum(powers, 0, powers.length, 0);
    for (int i = 0; i < values.length; i++) {
      // floatToIntBits makes all NaN equal: their payload is not part of the contract.
      assertThat(Float.floatToIntBits(powers[i])).as("exp(%s)", values[i]).isEqualTo(Float.floatToIntBits(Exponential
          .exp(values[i])));
    }
  }

  @Test
  void softmaxOfOneInfinitePositionIsVisiblyNotANumber() {
    float[] logits = {1, Float.POSITIVE_INFINITY, 2};
    assertThat(new ScalarKernels().expSum(logits, 0, 3, Float.POSITIVE_INFINITY)).isNaN();
  }

  @Test
  void aForbiddenPositionWeighsNextToNothing() {
    float[] logits = {0, Float.NEGATIVE_INFINITY};
    assertThat(new ScalarKernels().expSum(logits, 0, 2, 0)).isEqualTo(1f);
    assertThat(logits[1]).isLessThan(1.2e-38f);
  }
}
