package io.llada.proto.wire;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// The number format of the rows inside a frame, little-endian.
public enum ElementType {
  /// 32-bit IEEE 754.
  F32(1, Float.BYTES),
  /// The upper 16 bits of F32, rounded to nearest, ties to even; a NaN stays a NaN.
  BF16(2, Short.BYTES);

  private static final VarHandle FLOATS = MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

  private final int code;
  private final int bytes;

  ElementType(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /// Bytes of one element.
  public int bytes() {
    return bytes;
  }

  int code() {
    return code;
  }

  static ElementType of(int code) {
    return switch (code) {
      case 1 -> F32;
      case 2 -> BF16;
      default -> throw FrameException.badRequest("element type %d is unknown, expected 1 (F32) or 2 (BF16)", code);
    };
  }

  /// Appends `count` values to a heap buffer, rounding them to this type.
  void write(float[] values, int offset, int count, ByteBuffer to) {
    if (this == F32) {
      to.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values, offset, count);
    } else {
      Bf16Rows.write(values, offset, count, to.array(), to.arrayOffset() + to.position());
    }
    to.position(to.position() + count * bytes);
  }

  /// Reads `values.length` values from a heap buffer, whose position stays.
  void read(ByteBuffer from, float[] values) {
    if (this == F32) {
      from.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    } else {
      Bf16Rows.read(from.array(), from.arrayOffset() + from.position(), values, 0, values.length);
    }
  }

  /// Adds `count` values, from the one at `index` of a heap buffer on, to what is in an array.
  void add(ByteBuffer from, int index, int count, float[] values, int offset) {
    int at = from.arrayOffset() + from.position() + index * bytes;
    if (this == BF16) {
      Bf16Rows.add(from.array(), at, values, offset, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      values[offset + i] += (float) FLOATS.get(from.array(), at + Float.BYTES * i);
    }
  }
}
