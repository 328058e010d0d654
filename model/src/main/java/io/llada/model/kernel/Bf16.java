package io.llada.model.kernel;

/// Arithmetic of BF16: the upper 16 bits of an F32.
public final class Bf16 {
  private Bf16() {}

  /// The BF16 nearest to `value`, ties to even, as its 16 bits. NaN stays NaN.
  public static int bits(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (bits >>> 16) | 0x40;
    }
    return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }

  /// The number of 16 bits, exactly.
  public static float value(int bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
