package io.llada.model.layer;

import java.util.Arrays;

/// Rotary position embedding (Su et al., 2021) on the leading dimensions of a head, half-split: dimension `j` turns
/// with `j + size / 2`.
///
/// Angles are products in F32, as in the reference; sine and cosine are exact to F32. Positions are tabled as they
/// come up. One thread extends the table; several may rotate while none does.
final class RotaryTable {
  private static final int INITIAL_POSITIONS = 512;

  private final int half;
  private final float[] frequencies;
  private float[] cosines = new float[0];
  private float[] sines = new float[0];

  RotaryTable(int size, double theta) {
    this.half = size / 2;
    this.frequencies = new float[half];
    for (int j = 0; j < half; j++) {
      frequencies[j] = (float) (1.0 / StrictMath.pow(theta, 2.0 * j / size));
    }
  }

  /// @param position one the table was extended to
  void rotate(float[] x, int offset, int position) {
    int row = position * half;
    for (int j = 0; j < half; j++) {
      float cosine = cosines[row + j];
      float sine = sines[row + j];
      float a = x[offset + j];
      float b = x[offset + half + j];
      x[offset + j] = a * cosine - b * sine;
      x[offset + half + j] = b * cosine + a * sine;
    }
  }

  /// Tables all positions up to this one.
  void extendTo(int position) {
    int known = half == 0 ? Integer.MAX_VALUE : cosines.length / half;
    if (position < known) {
      return;
    }
    int positions = Math.max(Math.max(position + 1, 2 * known), INITIAL_POSITIONS);
    cosines = Arrays.copyOf(cosines, Math.multiplyExact(positions, half));
    sines = Arrays.copyOf(sines, positions * half);
    for (int p = known; p < positions; p++) {
      for (int j = 0; j < half; j++) {
        float angle = p * frequencies[j];
        cosines[p * half + j] = (float) StrictMath.cos(angle);
        sines[p * half + j] = (float) StrictMath.sin(angle);
      }
    }
  }
}
