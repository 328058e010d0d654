package io.llada.proto.wire;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Objects;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Rows of BF16 in the bytes of a frame, little-endian, beside rows of F32 in arrays.
///
/// The compiler makes no vectors of loops over numbers of two sizes, and one number at a time takes ten times as long.
/// Each method has the plain loop for what is left over; it is the specification.
final class Bf16Rows {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorShape HALF = VectorShape.forBitSize(FLOATS.vectorBitSize() / 2);
  private static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, HALF);
  private static final VectorSpecies<Byte> BYTES = VectorSpecies.of(byte.class, HALF);
  private static final int LANES = FLOATS.length();
  private static final VarHandle NUMBER = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int BITS = 16;
  private static final int QUIET_NAN = 0x40_0000;
  private static final int BELOW_HALF = 0x7fff;
  private static final int INFINITY = 0x7f80_0000;

  private Bf16Rows() {}

  /// Rounds to nearest, ties to even; a NaN stays a NaN.
  static void write(float[] values, int offset, int count, byte[] to, int at) {
    check(values, offset, count, to, at);
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      IntVector bits = FloatVector.fromArray(FLOATS, values, offset + i).reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, BITS).and(1);
      IntVector rounded = bits.add(odd).add(BELOW_HALF)
          .blend(bits.or(QUIET_NAN), bits.and(Integer.MAX_VALUE).compare(VectorOperators.GT, INFINITY));
      ShortVector upper = (ShortVector) rounded.lanewise(VectorOperators.LSHR, BITS)
          .convertShape(VectorOperators.I2S, SHORTS, 0);
      upper.reinterpretAsBytes().intoArray(to, at + Short.BYTES * i);
    }
    for (; i < count; i++) {
      NUMBER.set(to, at + Short.BYTES * i, (short) rounded(values[offset + i]));
    }
  }

  private static int rounded(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (bits | QUIET_NAN) >>> BITS;
    }
    return (bits + BELOW_HALF + ((bits >>> BITS) & 1)) >>> BITS;
  }

  /// Reads them, exactly.
  static void read(byte[] from, int at, float[] values, int offset, int count) {
    check(values, offset, count, from, at);
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      vector(from, at + Short.BYTES * i).intoArray(values, offset + i);
    }
    for (; i < count; i++) {
      values[offset + i] = number(from, at + Short.BYTES * i);
    }
  }

  /// Adds them to what is there.
  static void add(byte[] from, int at, float[] values, int offset, int count) {
    check(values, offset, count, from, at);
    int i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector.fromArray(FLOATS, values, offset + i).add(vector(from, at + Short.BYTES * i))
          .intoArray(values, offset + i);
    }
    for (; i < count; i++) {
      values[offset + i] += number(from, at + Short.BYTES * i);
    }
  }

  private static FloatVector vector(byte[] from, int at) {
    IntVector lower = (IntVector) ByteVector.fromArray(BYTES, from, at).reinterpretAsShorts()
        .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    return lower.lanewise(VectorOperators.LSHL, BITS).reinterpretAsFloats();
  }

  private static float number(byte[] from, int at) {
    return Float.intBitsToFloat((short) NUMBER.get(from, at) << BITS);
  }

  private static void check(float[] values, int offset, int count, byte[] bytes, int at) {
    Objects.checkFromIndexSize(offset, count, values.length);
    Objects.checkFromIndexSize(at, Math.multiplyExact(count, Short.BYTES), bytes.length);
  }

  /// Whether none is infinite or a NaN.
  static boolean areFinite(float[] values) {
    IntVector largest = IntVector.zero(INTS);
    int i = 0;
    for (; i <= values.length - LANES; i += LANES) {
      largest = largest.max(FloatVector.fromArray(FLOATS, values, i).reinterpretAsInts().and(Integer.MAX_VALUE));
    }
    boolean finite = largest.reduceLanes(VectorOperators.MAX) < INFINITY;
    for (; i < values.length; i++) {
      finite &= Float.isFinite(values[i]);
    }
    return finite;
  }
}
