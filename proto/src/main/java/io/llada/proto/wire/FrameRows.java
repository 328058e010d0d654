package io.llada.proto.wire;

import java.nio.ByteBuffer;

/// Rows as they lie in a frame, to be used without a copy.
public final class FrameRows {
  private final ElementType type;
  private final int rows;
  private final int width;
  private final ByteBuffer bytes;

  /// @param bytes of a frame's payload, from the first row on
  FrameRows(ElementType type, int rows, int width, ByteBuffer bytes) {
    this.type = type;
    this.rows = rows;
    this.width = width;
    this.bytes = bytes;
  }

  /// Adds a row to `width` numbers of an array.
  public void add(int row, float[] to, int offset) {
    type.add(bytes, row * width, width, to, offset);
  }

  /// A copy, `(rows, width)`.
  public float[] copy() {
    float[] values = new float[rows * width];
    type.read(bytes, values);
    return values;
  }
}
