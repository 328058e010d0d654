package io.llada.deploy.synth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/// Numbers are normal, and the same wherever a fill begins.
class NormalNumbersTest {
  private static final int COUNT = 1 << 18;
  private static final long STREAM = NormalNumbers.stream(3, "some.weight");

  private static byte[] fill(long from, int count) {
    byte[] bytes = new byte[count * Short.BYTES];
    new NormalNumbers(0.5f).fill(STREAM, from, ByteBuffer.wrap(bytes));
    return bytes;
  }

  @Test
  void momentsAndTailsAreThoseOfTheNormalDistribution() {
    ByteBuffer bits = ByteBuffer.wrap(fill(0, COUNT)).order(ByteOrder.LITTLE_ENDIAN);
    double sum = 0;
    double squares = 0;
    int beyondTwo = 0;
    for (int i = 0; i < COUNT; i++) {
      float value = Float.intBitsToFloat(bits.getShort() << 16) / 0.5f;
      sum += value;
      squares += (double) value * value;
      beyondTwo += Math.abs(value) > 2 ? 1 : 0;
    }
    assertThat(sum / COUNT).isCloseTo(0, within(0.01));
    assertThat(squares / COUNT).isCloseTo(1, within(0.02));
    assertThat((double) beyondTwo / COUNT).isCloseTo(0.0455, within(0.004));
  }

  @Test
  void aPlaceHasItsNumberWhereverTheFillBegins() {
    assertThat(fill(1000, 100)).isEqualTo(Arrays.copyOfRange(fill(0, 1100), 2000, 2200));
  }
}
