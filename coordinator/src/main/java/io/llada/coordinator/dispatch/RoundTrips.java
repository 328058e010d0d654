package io.llada.coordinator.dispatch;

import java.time.Duration;
import java.util.Arrays;

/// How long a node took of late: what to expect of it, and from when on it is late. Not thread-safe.
final class RoundTrips {
  /// A dispatch is late after this many times what all but the slowest took ...
  private static final int LATE_FACTOR = 4;
  /// ... but not before this, or every hiccup of a scheduler would cause a hedge,
  static final Duration SHORTEST = Duration.ofMillis(20);
  /// and after this at the latest, unless the node usually takes longer.
  static final Duration LONGEST = Duration.ofSeconds(1);

  private static final int WINDOW = 64;
  private static final int LEAST_SAMPLES = 8;
  private static final double WEIGHT = 0.1;
  private static final double LATE_WEIGHT = 0.5;
  /// An estimate that nothing has confirmed for this long counts half, so that a slow node is tried again.
  private static final Duration HALF_LIFE = Duration.ofSeconds(5);

  private final long[] recent = new long[WINDOW];
  private int samples;
  private double nanosPerPair;
  private long sampledAt;
  private long lateAfter = LONGEST.toNanos();

  /// @param nanos from sending to the answer
  /// @param pairs what was in flight when it was sent, itself included
  void add(long nanos, int pairs, long now) {
    recent[samples % WINDOW] = nanos;
    samples++;
    sampledAt = now;
    weigh((double) nanos / Math.max(1, pairs), samples == 1 ? 1 : WEIGHT);
    if (samples % LEAST_SAMPLES == 0) {
      long[] sorted = Arrays.copyOf(recent, Math.min(samples, WINDOW));
      Arrays.sort(sorted);
      long slow = sorted[sorted.length - 1 - sorted.length / 100];
      long clamped = Math.clamp(LATE_FACTOR * slow, SHORTEST.toNanos(), LONGEST.toNanos());
      lateAfter = Math.max(clamped, slow + slow / 2);
    }
  }

  /// A late answer that nobody waited for any longer: it would have taken more than this.
  void addUnanswered(long nanos, int pairs, long now) {
    sampledAt = now;
    weigh(Math.max(nanosPerPair, (double) nanos / Math.max(1, pairs)), LATE_WEIGHT);
  }

  private void weigh(double perPair, double weight) {
    nanosPerPair += weight * (perPair - nanosPerPair);
  }

  /// The slowest of the latest; 0: none yet.
  long slowest() {
    return Arrays.stream(recent).max().orElse(0);
  }

  /// From when on a dispatch is late.
  Duration lateAfter() {
    return Duration.ofNanos(lateAfter);
  }

  /// Nanoseconds one pair takes; 0 while nothing is known.
  double nanosPerPair(long now) {
    return nanosPerPair * Math.pow(0.5, (double) (now - sampledAt) / HALF_LIFE.toNanos());
  }
}
