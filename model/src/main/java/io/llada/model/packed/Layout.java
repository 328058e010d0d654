package io.llada.model.packed;

import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.tensor.ElementType;

/// How a matrix lies in a packed file.
public enum Layout {
  /// Row-major, as in a safetensors part.
  ROWS,
  /// As the kernels read it, see [PackedMatrix].
  PANELS;

  /// Bytes of a matrix.
  ///
  /// @throws IllegalArgumentException when the format does not go with the layout or the columns
  public long bytes(WeightFormat format, int rows, int columns) {
    return this == PANELS
        ? PackedMatrix.packedBytes(rows, columns, format)
        : Math.multiplyExact((long) rows * columns, elementType(format).bytes());
  }

  /// The element type of a matrix in rows.
  static ElementType elementType(WeightFormat format) {
    return switch (format) {
      case F32 -> ElementType.F32;
      case BF16 -> ElementType.BF16;
      case INT8, INT4 -> throw new IllegalArgumentException(format + " needs panels, not rows");
    };
  }
}
