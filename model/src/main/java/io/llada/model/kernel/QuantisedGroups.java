package io.llada.model.kernel;

import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;
import static io.llada.model.kernel.WeightFormat.GROUP;
import static io.llada.model.kernel.WeightFormat.SCALES_BYTES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Layout and rounding of the integer formats.
///
/// A panel is a run of quantisation groups. Each begins with the scales of its 32 rows in BF16. Then for
/// each four columns 32 words, a row each, the first column lowest: INT8 in 32-bit words of bytes that hold `q + 128`,
/// INT4 in 16-bit words of nibbles that hold `q + 8`. Four neighbours of a row side by side and one operand unsigned
/// is what the integer dot products of processors and accelerators take.
final class QuantisedGroups {
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int INT8_MOST = 127;
  private static final int INT4_MOST = 7;
  private static final int WORD_COLUMNS = 4;
  private static final int NIBBLE_BITS = 4;

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
      data.set(ValueLayout.JAVA_BYTE, byteOffset(weights, lane, column), (byte) (q + format.zero()));
      return;
    }
    long word = wordOffset(weights, lane, column);
    int shift = column % WORD_COLUMNS * NIBBLE_BITS;
    int old = data.get(SHORT, word) & ~(0xf << shift);
    data.set(SHORT, word, (short) (old | (q + format.zero()) << shift));
  }

  /// The scale of a row in the group at `group`.
  static float scaleAt(MemorySegment data, long group, int lane) {
    return Float.intBitsToFloat(data.get(SHORT, group + lane * Short.BYTES) << 16);
  }

  /// The integer of a row and column in the group at `group`.
  static int at(WeightFormat format, MemorySegment data, long group, int lane, int column) {
    long weights = group + SCALES_BYTES;
    if (format == WeightFormat.INT8) {
      return (data.get(ValueLayout.JAVA_BYTE, byteOffset(weights, lane, column)) & 0xff) - format.zero();
    }
    int word = data.get(SHORT, wordOffset(weights, lane, column));
    return (word >>> column % WORD_COLUMNS * NIBBLE_BITS & 0xf) - format.zero();
  }

  /// Of an INT8 weight.
  private static long byteOffset(long weights, int lane, int column) {
    return weights + ((long) column / WORD_COLUMNS * PANEL_ROWS + lane) * Integer.BYTES + column % WORD_COLUMNS;
  }

  /// Of the word that holds an INT4 weight.
  private static long wordOffset(long weights, int lane, int column) {
    return weights + ((long) column / WORD_COLUMNS * PANEL_ROWS + lane) * Short.BYTES;
  }
}
