package io.llada.proto.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Vectors agree with one number at a time, at any length and place.
class Bf16RowsAgreementTest {
  private static final int BEFORE = 3;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 61, 2048})
  void anyNumberOfValuesIsWrittenReadAndAdded(int count) {
    float[] values = anyBits(count + 2 * BEFORE);
    byte[] bytes = new byte[2 * count + 2 * BEFORE];

    Bf16Rows.write(values, BEFORE, count, bytes, BEFORE);

    float[] read = anyBits(count + 2 * BEFORE);
    float[] added = read.clone();
    float[] before = read.clone();
    Bf16Rows.read(bytes, BEFORE, read, BEFORE, count);
    Bf16Rows.add(bytes, BEFORE, added, BEFORE, count);
    for (int i = 0; i < BEFORE; i++) {
      assertThat(bytes[i]).isZero();
      assertThat(bytes[bytes.length - 1 - i]).isZero();
    }
    for (int i = 0; i < before.length; i++) {
      boolean within = i >= BEFORE && i < BEFORE + count;
      assertThat(bits(read[i])).isEqualTo(bits(within ? rounded(values[i]) : before[i]));
      float sum = within ? before[i] + rounded(values[i]) : before[i];
      assertThat(Float.floatToIntBits(added[i])).isEqualTo(Float.floatToIntBits(sum));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 16, 17, 40})
  void oneNumberThatIsNotFiniteIsFoundAnywhere(int count) {
    float[] values = new float[count];
    for (float finite : new float[]{Float.MAX_VALUE, -Float.MAX_VALUE, -0f}) {
      values[count / 2] = finite;
      assertThat(Bf16Rows.areFinite(values)).isTrue();
    }
    for (int i = 0; i < count; i++) {
      for (float bad : new float[]{Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        float good = values[i];
        values[i] = bad;
        assertThat(Bf16Rows.areFinite(values)).isFalse();
        values[i] = good;
      }
    }
  }

  @Test
  void nothingIsReadOrWrittenBeyondAnArray() {
    assertThatThrownBy(() -> Bf16Rows.write(new float[32], 1, 32, new byte[64], 0))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Bf16Rows.read(new byte[63], 0, new float[32], 0, 32))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> Bf16Rows.add(new byte[64], 2, new float[32], 0, 32))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  /// To nearest, ties to even, in numbers wide enough for all of it.
  private static float rounded(float value) {
    if (Float.isNaN(value)) {
      return Float.intBitsToFloat((bits(value) | 0x40_0000) & 0xffff_0000);
    }
    long bits = bits(value) & 0xffff_ffffL;
    long lower = bits & 0xffff;
    boolean up = lower > 0x8000 || lower == 0x8000 && (bits >> 16) % 2 == 1;
    return Float.intBitsToFloat((int) ((bits >> 16) + (up ? 1 : 0)) << 16);
  }

  private static int bits(float value) {
    return Float.floatToRawIntBits(value);
  }

  /// Numbers of all kinds, among them ties, infinities and NaNs.
  private static float[] anyBits(int count) {
    Random random = new Random(count);
    float[] values = new float[count];
    int[] special = {0x3f80_8000, 0x3f81_8000, 0x7f80_0000, 0xff80_0000, 0x7f80_0001, 0xffc0_0000, 1, 0x8000_0000,
        0x7f7f_ffff};
    for (int i = 0; i < count; i++) {
      values[i] = Float.intBitsToFloat(i % 3 == 0 ? special[random.nextInt(special.length)] : random.nextInt());
    }
    return values;
  }
}
