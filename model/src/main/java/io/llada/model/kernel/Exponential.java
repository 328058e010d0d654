package io.llada.model.kernel;

/// exp for F32 as a fixed sequence of IEEE 754 operations, so that interpreter, compiler, vector width and processor
/// all give the same bits (library versions differ between them). Error below 1.02 units in the last place, measured
/// over all floats in range. NaN stays NaN.
///
/// Range reduction `x = n ln 2 + r` in two parts, then a polynomial of degree 6 in `r`, coefficients as in Cephes
/// (Moshier, 1989), `expf`.
final class Exponential {
  /// Below it the result is as for the limit itself, about 1.2e-38.
  static final float LOWEST = -87.33654f;
  /// Above it the result is as for the limit itself, about 2.4e38.
  static final float HIGHEST = 88.37626f;
  /// The bits of 1f. Added to `n << 23` they are the bits of 2^n.
  static final int ONE = 0x3f800000;
  static final float LOG2_E = 1.44269504f;
  /// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
  static final float ROUNDER = 12582912f;
  static final float MINUS_LN2_HIGH = -0.693359375f;
  static final float MINUS_LN2_LOW = 2.12194440e-4f;
  static final float C0 = 1.9875691500e-4f;
  static final float C1 = 1.3981999507e-3f;
  static final float C2 = 8.3334519073e-3f;
  static final float C3 = 4.1665795894e-2f;
  static final float C4 = 1.6666665459e-1f;
  static final float C5 = 5.0000001201e-1f;

  private Exponential() {}

  static float exp(float value) {
    float x = Math.max(LOWEST, Math.min(HIGHEST, value));
    float shifted = Math.fma(x, LOG2_E, ROUNDER);
    float n = shifted - ROUNDER;
    float r = Math.fma(n, MINUS_LN2_HIGH, x);
    r = Math.fma(n, MINUS_LN2_LOW, r);
    float p = Math.fma(C0, r, C1);
    p = Math.fma(p, r, C2);
    p = Math.fma(p, r, C3);
    p = Math.fma(p, r, C4);
    p = Math.fma(p, r, C5);
    float y = Math.fma(p, r * r, r) + 1f;
    int exponent = (Float.floatToRawIntBits(shifted) << 23) + ONE;
    return y * Float.intBitsToFloat(exponent);
  }
}
