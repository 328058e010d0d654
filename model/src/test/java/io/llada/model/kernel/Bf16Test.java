package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class Bf16Test {
  private static float rounded(float value) {
    return Bf16.value(Bf16.bits(value));
  }

  @Test
  void everyBf16StaysAsItIs() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = Float.intBitsToFloat(bits << 16);
      if (Float.isNaN(value)) {
        assertThat(rounded(value)).isNaN();
      } else {
        assertThat(Bf16.bits(value)).isEqualTo(bits);
      }
    }
  }

  @Test
  void valuesGoToTheNearestAndTiesToTheEvenOne() {
    Random random = new Random(1);
    for (int i = 0; i < 200_000; i++) {
      int bits = random.nextInt() & 0x7fffffff;
      if (bits >= 0x7f7f0000) {
        continue;
      }
      int lower = bits >>> 16;
      float value = Float.intBitsToFloat(bits);
      double down = (double) value - Float.intBitsToFloat(lower << 16);
      double up = Float.intBitsToFloat(lower + 1 << 16) - (double) value;
      int expected = down < up || down == up && lower % 2 == 0 ? lower : lower + 1;
      assertThat(Bf16.bits(value)).as("%s", value).isEqualTo(expected);
      assertThat(Bf16.bits(-value)).as("%s", -value).isEqualTo(expected | 0x8000);
    }
  }

  @Test
  void tiesAreExact() {
    assertThat(Bf16.bits(Float.intBitsToFloat(0x3f808000))).isEqualTo(0x3f80);
    assertThat(Bf16.bits(Float.intBitsToFloat(0x3f818000))).isEqualTo(0x3f82);
    assertThat(Bf16.bits(Float.intBitsToFloat(0x3f808001))).isEqualTo(0x3f81);
  }

  @Test
  void theExtremesKeepTheirMeaning() {
    assertThat(rounded(Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(rounded(Float.NEGATIVE_INFINITY)).isEqualTo(Float.NEGATIVE_INFINITY);
    assertThat(rounded(Float.MAX_VALUE)).as("above the largest bf16").isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(Float.floatToRawIntBits(rounded(-0f))).isEqualTo(0x80000000);
    for (int bits : new int[]{0x7fc00000, 0x7f800001, 0xffffffff, 0xff80ffff}) {
      assertThat(rounded(Float.intBitsToFloat(bits))).as("%08x", bits).isNaN();
      assertThat(Bf16.bits(Float.intBitsToFloat(bits))).isBetween(0, 0xffff);
    }
  }
}
