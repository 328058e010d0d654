package io.llada.model.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NonFiniteTest {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final float[] FINITE = {0f, -0f, Float.MIN_VALUE, 1f, -1f, 0x1.feP127f, -0x1.feP127f};
  private static final float[] NOT_FINITE = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY,
      Float.intBitsToFloat(0xffc10000), Float.intBitsToFloat(0x7f810000)};

  private static void set(ElementType type, MemorySegment data, long offset, float value) {
    if (type == ElementType.F32) {
      data.set(INT, offset, Float.floatToRawIntBits(value));
    } else {
      data.set(SHORT, offset, (short) (Float.floatToRawIntBits(value) >>> 16));
    }
  }

  @ParameterizedTest
  @EnumSource
  void isFoundWhereverItIsAndNothingElse(ElementType type) {
    int bytes = type.bytes();
    for (int count : new int[]{0, 1, 3, 15, 16, 17, 32, 33, 101}) {
      MemorySegment data = MemorySegment.ofArray(new byte[(count + 2) * bytes]);
      Random random = new Random(count);
      for (int i = 0; i < count + 2; i++) {
        set(type, data, (long) i * bytes, FINITE[random.nextInt(FINITE.length)]);
      }
      // Beside the range, where it must not be seen.
      set(type, data, 0, Float.NaN);
      set(type, data, (long) (count + 1) * bytes, Float.NaN);
      long to = (long) (count + 1) * bytes;
      assertThat(NonFinite.first(type, data, bytes, to)).isEqualTo(-1);
      for (int i = 0; i < count; i++) {
        long at = (long) (i + 1) * bytes;
        for (float value : NOT_FINITE) {
          MemorySegment damaged = MemorySegment.ofArray(data.toArray(ValueLayout.JAVA_BYTE));
          set(type, damaged, at, value);
          set(type, damaged, to - bytes, Float.NaN);
          assertThat(NonFinite.first(type, damaged, bytes, to)).as("%s at %d of %d", value, i, count).isEqualTo(at);
        }
      }
    }
  }
}
