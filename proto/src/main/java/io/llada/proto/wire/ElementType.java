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

  private static final VarHandle SHORTS = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int QUIET_NAN_BIT = 0x40;
  private static final int BELOW_HALF = 0x7fff;

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
      writeBf16(values, offset, count, to.array(), to.arrayOffset() + to.position());
    }
    to.position(to.position() + count * bytes);
  }

  private static void writeBf16(float[] values, int offset, int count, byte[] to, int at) {
    for (int i = 0; i < count; i++) {
      SHORTS.set(to, at + 2 * i, (short) bf16(values[offset + i]));
    }
  }

  private static int bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (bits >>> 16) | QUIET_NAN_BIT;
    }
    return (bits + BELOW_HALF + ((bits >>> 16) & 1)) >>> 16;
  }

  /// Reads `values.length` values from a heap buffer.
  void read(ByteBuffer from, float[] values) {
    if (this == F32) {
      from.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    } else {
      readBf16(from.array(), from.arrayOffset() + from.position(), values);
    }
    from.position(from.position() + values.length * bytes);
  }

  private static void readBf16(byte[] from, int at, float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat((short) SHORTS.get(from, at + 2 * i) << 16);
    }
  }
}
