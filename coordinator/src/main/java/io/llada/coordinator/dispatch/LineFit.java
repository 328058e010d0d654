package io.llada.coordinator.dispatch;

/// Time over pairs, fitted by a line: a dispatch costs something of its own beside its pairs, and one with few of them
/// must not make its node seem slow. The mean of what was added, by weight. Not thread-safe.
final class LineFit {
  private static final int MOST_TIMES = 4;

  private long samples;
  private double pairs;
  private double nanos;
  private double variance;
  private double covariance;

  /// A sample as it should count: at most a few times what was expected. The system may have stopped a thread for a
  /// while, or a compiler was at work; a node that has become slow is seen by its next dispatches too.
  double withoutHiccup(double sampleNanos, int samplePairs) {
    return samples == 0 ? sampleNanos : Math.min(sampleNanos, MOST_TIMES * nanosFor(samplePairs));
  }

  /// @param weight what this one counts beside all before it, above 0 and at most 1; 1 for the first
  void add(double sampleNanos, int samplePairs, double weight) {
    double morePairs = samplePairs - pairs;
    double moreNanos = sampleNanos - nanos;
    samples++;
    pairs += weight * morePairs;
    nanos += weight * moreNanos;
    variance = (1 - weight) * (variance + weight * morePairs * morePairs);
    covariance = (1 - weight) * (covariance + weight * morePairs * moreNanos);
  }

  /// How many were added.
  long samples() {
    return samples;
  }

  /// Pairs of a dispatch, the mean.
  double pairs() {
    return pairs;
  }

  /// Nanoseconds a dispatch takes, the mean.
  double nanos() {
    return nanos;
  }

  /// How much longer one takes with every pair more: between nothing and all of it.
  double nanosPerPair() {
    double atMost = pairs > 0 ? nanos / pairs : 0;
    return variance > 0 ? Math.clamp(covariance / variance, 0, atMost) : atMost;
  }

  /// What a dispatch of another size would take, at least one nanosecond.
  double nanosFor(double otherPairs) {
    return Math.max(1, nanos + nanosPerPair() * (otherPairs - pairs));
  }
}
