package io.llada.coordinator.dispatch;

import java.time.Duration;

/// What to expect of a node: how long it takes to answer, by the pairs it is asked for. Thread-safe.
final class ExpectedTimes {
  /// The first answers tell more of a cold connection and a cold compiler than of the node: they count nothing,
  static final int COLD = 4;
  /// and until there are this many more they count for part.
  static final int SETTLED = 8;
  /// What nothing has confirmed for this long counts half, so that a slow node is tried again.
  static final Duration HALF_LIFE = Duration.ofSeconds(5);

  private static final double WEIGHT = 0.1;
  /// An answer can be late by chance, but not early.
  private static final double EARLY_WEIGHT = 0.5;
  private static final double LATE_WEIGHT = 0.5;

  private final LineFit line = new LineFit();
  private long answers;
  private long countedAt;

  /// What is expected.
  ///
  /// @param nanos a dispatch of a given size takes
  /// @param confidence in that: 0 when nothing is known, 1 when it was measured often and just now
  record Estimate(double nanos, double confidence) {
    static final Estimate UNKNOWN = new Estimate(1, 0);
  }

  /// @param nanos from sending to the answer
  /// @param pairs what was in flight when it was sent, itself included
  synchronized void add(long nanos, int pairs, long now) {
    answers++;
    if (answers > COLD) {
      boolean isEarly = line.samples() > 0 && nanos < line.nanosFor(pairs);
      count(line.withoutHiccup(nanos, pairs), pairs, isEarly ? EARLY_WEIGHT : WEIGHT, now);
    }
  }

  /// A late answer that nobody waited for any longer: it would have taken more than this.
  synchronized void addUnanswered(long nanos, int pairs, long now) {
    count(line.samples() == 0 ? nanos : Math.max(nanos, line.nanosFor(pairs)), pairs, LATE_WEIGHT, now);
  }

  /// The less the old ones count, the more does a new one.
  private void count(double nanos, int pairs, double weight, long now) {
    double ofFew = 1.0 / (line.samples() + 1);
    line.add(nanos, pairs, Math.max(Math.max(weight, ofFew), 1 - freshness(now)));
    countedAt = now;
  }

  private double freshness(long now) {
    return StrictMath.pow(0.5, (double) (now - countedAt) / HALF_LIFE.toNanos());
  }

  /// What a dispatch of that many pairs takes, as far as is known.
  synchronized Estimate estimate(double pairs, long now) {
    return line.samples() == 0
        ? Estimate.UNKNOWN
        : new Estimate(line.nanosFor(pairs), Math.min(1, (double) line.samples() / SETTLED) * freshness(now));
  }
}
