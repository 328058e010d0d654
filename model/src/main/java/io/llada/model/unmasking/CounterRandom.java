package io.llada.model.unmasking;

/// Counter-based random numbers: a draw depends on nothing but its key, so resuming or replaying a request gives the
/// same draws in any order. The key is mixed with the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
public final class CounterRandom {
  private static final long GOLDEN_RATIO = 0x9e3779b97f4a7c15L;
  private static final double UNIT = 0x1p-53;

  /// What a draw is for; different purposes never share a draw.
  public enum Purpose {
    /// Which token a position gets.
    TOKEN,
    /// Which positions are committed.
    POSITION
  }

  private CounterRandom() {}

  /// A uniform number in (0, 1).
  ///
  /// @param seed the request's seed
  /// @param position absolute position in the sequence
  /// @param step denoising step within the block
  public static double uniform(long seed, Purpose purpose, int position, int step) {
    long state = mix(seed + GOLDEN_RATIO);
    state = mix(state ^ (position + 1) * GOLDEN_RATIO);
    state = mix(state ^ ((long) step << 8 | purpose.ordinal() + 1) * GOLDEN_RATIO);
    return ((state >>> 11) + 0.5) * UNIT;
  }

  private static long mix(long value) {
    long z = (value ^ value >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return z ^ z >>> 31;
  }
}
