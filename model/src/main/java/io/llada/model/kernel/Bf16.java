package io.llada.model.kernel;

/// Arithmetic of BF16: the upper 16 bits of an F32.
public final class Bf16 {
  static final int BITS = 16;
  /// Just below half of the last place of BF16, in bits of F32.
  static final int BELOW_HALF = 0x7fff;
  /// Keeps a NaN whose upper half would be that of infinity a NaN.
  static final int QUIET_NAN = 0x40_0000;
  /// Infinity in bits of F32: those of a NaN are larger.
  static final int INFINITY = 0x7f80_0000;
  static final int UPPER_HALF = 0xffff_0000;

  private Bf16() {}

  /// The BF16 nearest to `value`, ties to even, as its 16 bits. NaN stays NaN.
  public static int bits(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (bits | QUIET_NAN) >>> BITS;
    }
    return (bits + BELOW_HALF + ((bits >>> BITS) & 1)) >>> BITS;
  }

  /// The number of 16 bits, exactly.
  public static float value(int bits) {
    return Float.intBitsToFloat(bits << BITS);
  }
}
