package io.llada.coordinator.dispatch;

import java.time.Duration;
import java.util.Arrays;

/// How long answers took of late on one stream, and from when on one is late. Not thread-safe.
final class RoundTrips {
  /// A dispatch is late after this many times what all but the slowest took ...
  private static final int LATE_FACTOR = 4;
  /// ... but not before this, or every hiccup of a scheduler would cause a hedge,
  static final Duration SHORTEST = Duration.ofMillis(20);
  /// and after this at the latest, unless the node usually takes longer.
  static final Duration LONGEST = Duration.ofSeconds(1);

  private static final int WINDOW = 64;
  private static final int LEAST_SAMPLES = 8;

  private final long[] recent = new long[WINDOW];
  private int samples;
  private long lateAfter = LONGEST.toNanos();

  /// @param nanos from sending to the answer
  void add(long nanos) {
    recent[samples % WINDOW] = nanos;
    samples++;
    if (samples % LEAST_SAMPLES == 0) {
      long[] sorted = Arrays.copyOf(recent, Math.min(samples, WINDOW));
      Arrays.sort(sorted);
      long slow = sorted[sorted.length - 1 - sorted.length / 100];
      long clamped = Math.clamp(LATE_FACTOR * slow, SHORTEST.toNanos(), LONGEST.toNanos());
      lateAfter = Math.max(clamped, slow + slow / 2);
    }
  }

  /// The slowest of the latest; 0: none yet.
  long slowest() {
    return Arrays.stream(recent).max().orElse(0);
  }

  /// From when on a dispatch is late.
  Duration lateAfter() {
    return Duration.ofNanos(lateAfter);
  }
}
