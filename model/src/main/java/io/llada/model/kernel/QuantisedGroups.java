package io.llada.model.kernel;

import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;
import static io.llada.model.kernel.WeightFormat.GROUP;
import static io.llada.model.kernel.WeightFormat.SCALES_BYTES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Layout and rounding of the integer formats.
///
/// A panel is a run of quantisation groups. Each begins with the scales of its 32 rows in BF16. INT8: for each column
/// 32 bytes, a row each. INT4: for each four columns 32 16-bit words, a row each, the first column in the lowest
/// nibble, a nibble holding `q + 8`.
final class QuantisedGroups {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int INT8_MOST = 127;
  private static final int INT4_MOST = 7;
  private static final int NIBBLES = 4;

  private QuantisedGroups() {}

  /// Rounds one row to the format and stores it.
  ///
  /// @param group offset of the row's first group in `data`
  /// @param lane row within its panel
  static void pack(WeightFormat format, float[] row, MemorySegment data, long group, int lane) {
    for (int from = 0; from < row.length; from += GROUP) {
      float scale = scale(format, row, from);
      data.set(SHORT, group + lane * Short.BYTES, (short) (Float.floatToRawIntBits(scale) >>> 16));
      for (int c = 0; c < GROUP; c++) {
        int q = scale == 0 ? 0 : round(format, row[from + c] / scale);
        store(format, data, group + SCALES_BYTES, lane, c, q);
      }
      group += format.groupBytes();
    }
  }

  /// The smallest BF16 with which every weight of the group is in range.
  private static float scale(WeightFormat format, float[] row, int from) {
    float most = 0;
    for (int c = 0; c < GROUP; c++) {
      most = Math.max(most, Math.abs(row[from + c]));
    }
    float exact = most / (format == WeightFormat.INT8 ? INT8_MOST : INT4_MOST);
    int bits = Float.floatToRawIntBits(exact);
    return Float.intBitsToFloat((bits + 0xffff) & 0xffff0000);
  }

  private static int round(WeightFormat format, float value) {
    int q = (int) Math.rint(value);
    return format == WeightFormat.INT8
        ? Math.clamp(q, -INT8_MOST, INT8_MOST)
        : Math.clamp(q, -INT4_MOST - 1, INT4_MOST);
  }

  private static void store(WeightFormat format, MemorySegment data, long weights, int lane, int column, int q) {
    if (format == WeightFormat.INT8) {
      data.set(ValueLayout.JAVA_BYTE, weights + (long) column * PANEL_ROWS + lane, (byte) q);
      return;
    }
    long word = weights + ((long) column / NIBBLES * PANEL_ROWS + lane) * Short.BYTES;
    int shift = column % NIBBLES * NIBBLES;
    int old = data.get(SHORT, word) & ~(0xf << shift);
    data.set(SHORT, word, (short) (old | (q + 8) << shift));
  }

  /// The scale of a row in the group at `group`.
  static float scaleAt(MemorySegment data, long group, int lane) {
    return Float.intBitsToFloat(data.get(SHORT, group + lane * Short.BYTES) << 16);
  }

  /// The integer of a row and column in the group at `group`.
  static int at(WeightFormat format, MemorySegment data, long group, int lane, int column) {
    long weights = group + SCALES_BYTES;
    if (format == WeightFormat.INT8) {
      return data.get(ValueLayout.JAVA_BYTE, weights + (long) column * PANEL_ROWS + lane);
    }
    int word = data.get(SHORT, weights + ((long) column / NIBBLES * PANEL_ROWS + lane) * Short.BYTES);
    return (word >>> column % NIBBLES * NIBBLES & 0xf) - 8;
  }
}
