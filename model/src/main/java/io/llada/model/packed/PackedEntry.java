package io.llada.model.packed;

import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.tensor.ElementType;

/// A matrix's place in a packed file.
///
/// @param name the tensor's name in the original; names joined by `+` are stacked on top of each other
/// @param layout how it lies there
/// @param format number format
/// @param rows rows; 1 for vectors
/// @param columns columns
/// @param offset of its first byte in the file, a multiple of 64
public record PackedEntry(String name, Layout layout, WeightFormat format, int rows, int columns, long offset) {
  /// Bytes it takes, padding not counted.
  public long bytes() {
    return layout.bytes(format, rows, columns);
  }

  /// The element type of an entry in rows.
  public ElementType elementType() {
    return Layout.elementType(format);
  }

  /// Offset after its last byte.
  public long end() {
    return offset + bytes();
  }

  /// The next offset at which an entry may begin.
  public static long align(long offset) {
    return Math.ceilDiv(offset, PackedMatrix.ALIGNMENT) * PackedMatrix.ALIGNMENT;
  }
}
