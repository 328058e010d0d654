package io.llada.deploy.synth;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Normal random numbers in BF16, each a function of its stream and its place in it, so that any part of a tensor can
/// be made at any time by any thread.
///
/// A place's 16 random bits choose one of 65536 quantiles of the distribution; four places share one 64-bit draw.
final class NormalNumbers {
  /// Numbers that come from one draw; places are given in multiples of it.
  static final int PER_DRAW = Long.BYTES / Short.BYTES;

  private static final int QUANTILES = 1 << Short.SIZE;
  private static final long GOLDEN_RATIO = 0x9e3779b97f4a7c15L;
  private static final float[] STANDARD = standardQuantiles();

  private final short[] quantiles = new short[QUANTILES];

  /// @param deviation standard deviation; the mean is 0
  NormalNumbers(float deviation) {
    for (int i = 0; i < QUANTILES; i++) {
      quantiles[i] = bfloat16(STANDARD[i] * deviation);
    }
  }

  /// Writes numbers as they lie in a checkpoint.
  ///
  /// @param stream whose numbers; see [#stream]
  /// @param from place of the first number, a multiple of [#PER_DRAW]
  /// @param target filled from its position to its limit, whole draws
  void fill(long stream, long from, ByteBuffer target) {
    ByteBuffer little = target.order(ByteOrder.LITTLE_ENDIAN);
    long place = from / PER_DRAW;
    int draws = target.remaining() / Long.BYTES;
    for (int i = 0; i < draws; i++) {
      long draw = mix(stream + (place + i) * GOLDEN_RATIO);
      long numbers = quantiles[(int) draw & 0xffff] & 0xffffL
          | (quantiles[(int) (draw >>> 16) & 0xffff] & 0xffffL) << 16
          | (quantiles[(int) (draw >>> 32) & 0xffff] & 0xffffL) << 32
          | (long) quantiles[(int) (draw >>> 48)] << 48;
      little.putLong(numbers);
    }
  }

  /// The stream of a name under a seed.
  static long stream(long seed, String name) {
    long state = mix(seed + GOLDEN_RATIO);
    for (int i = 0; i < name.length(); i++) {
      state = mix(state ^ name.charAt(i) * GOLDEN_RATIO);
    }
    return state;
  }

  /// The 16 bits of the nearest BF16, ties away from zero.
  static short bfloat16(float value) {
    return (short) (Float.floatToRawIntBits(value) + 0x8000 >>> 16);
  }

  /// Finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
  private static long mix(long value) {
    long z = (value ^ value >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }

  /// The middle quantile of each 65536th of the standard normal distribution, by integrating dx/dp = 1 / density(x) from
  /// the median outwards (Runge and Kutta's fourth order; the strict functions give the same bits everywhere).
  private static float[] standardQuantiles() {
    float[] quantiles = new float[QUANTILES];
    double x = 0;
    double step = 0.5 / QUANTILES;
    for (int i = QUANTILES / 2; i < QUANTILES; i++) {
      double a = inverseDensity(x);
      double b = inverseDensity(x + step / 2 * a);
      double c = inverseDensity(x + step / 2 * b);
      double d = inverseDensity(x + step * c);
      x += step / 6 * (a + 2 * b + 2 * c + d);
      quantiles[i] = (float) x;
      quantiles[QUANTILES - 1 - i] = (float) -x;
      step = 1.0 / QUANTILES;
    }
    return quantiles;
  }

  private static double inverseDensity(double x) {
    return StrictMath.sqrt(2 * StrictMath.PI) * StrictMath.exp(x * x / 2);
  }
}
