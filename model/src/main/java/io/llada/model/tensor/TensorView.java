package io.llada.model.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// A tensor as it lies in a checkpoint part: row-major, little-endian, read in place.
///
/// @param name its name in the checkpoint
/// @param type number format
/// @param rows rows; 1 for vectors
/// @param columns columns
/// @param data exactly `rows * columns * type.bytes()` bytes
public record TensorView(String name, ElementType type, int rows, int columns, MemorySegment data) {
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  public TensorView {
    long expected = Math.multiplyExact(Math.multiplyExact((long) rows, columns), type.bytes());
    if (data.byteSize() != expected) {
      throw new IllegalArgumentException("%s: %d x %d %s needs %d bytes, found %d".formatted(name, rows, columns, type,
          expected, data.byteSize()));
    }
  }

  /// One element as F32.
  public float at(long row, int column) {
    long index = row * columns + column;
    return switch (type) {
      case F32 -> data.getAtIndex(F32, index);
      case BF16 -> Float.intBitsToFloat(data.getAtIndex(BF16, index) << 16);
    };
  }

  /// Copies one row to `target` as F32.
  public void copyRow(long row, float[] target, int offset) {
    for (int column = 0; column < columns; column++) {
      target[offset + column] = at(row, column);
    }
  }

  /// All elements as F32, `(rows * columns)`. For vectors such as norms; matrices stay where they are.
  public float[] toArray() {
    float[] values = new float[Math.multiplyExact(rows, columns)];
    for (int row = 0; row < rows; row++) {
      copyRow(row, values, row * columns);
    }
    return values;
  }

  /// Index of the first NaN or infinite element, or -1.
  public long firstNonFinite() {
    long offset = NonFinite.first(type, data, 0, data.byteSize());
    return offset < 0 ? offset : offset / type.bytes();
  }
}
