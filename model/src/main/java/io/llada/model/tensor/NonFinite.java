package io.llada.model.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Looks for NaN and infinity: every weight passes here once when it is loaded.
public final class NonFinite {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt F32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int RUN = 64;

  private NonFinite() {}

  /// Byte offset of the first element that is not finite, or -1.
  ///
  /// @param type of the elements, little-endian
  /// @param from offset of the first element
  /// @param to offset behind the last one
  public static long first(ElementType type, MemorySegment data, long from, long to) {
    // All bits of the exponent set: one more in its lowest place carries into the sign's, and no further.
    long exponents = type == ElementType.F32 ? 0x7f8000007f800000L : 0x7f807f807f807f80L;
    long lowest = type == ElementType.F32 ? 0x0080000000800000L : 0x0080008000800080L;
    long signs = type == ElementType.F32 ? 0x8000000080000000L : 0x8000800080008000L;
    long at = from;
    for (; at + RUN <= to; at += RUN) {
      long carries = 0;
      for (int i = 0; i < RUN; i += Long.BYTES) {
        carries |= (data.get(WORD, at + i) & exponents) + lowest;
      }
      if ((carries & signs) != 0) {
        break;
      }
    }
    for (; at < to; at += type.bytes()) {
      if (!isFinite(type, data, at)) {
        return at;
      }
    }
    return -1;
  }

  private static boolean isFinite(ElementType type, MemorySegment data, long at) {
    return switch (type) {
      case F32 -> (data.get(F32, at) & 0x7f800000) != 0x7f800000;
      case BF16 -> (data.get(BF16, at) & 0x7f80) != 0x7f80;
    };
  }
}
