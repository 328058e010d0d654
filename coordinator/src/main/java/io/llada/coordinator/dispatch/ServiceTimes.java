package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.Pace;
import java.time.Duration;

/// How long a node has dispatches, as its answers say: its speed, whatever the way there takes.
///
/// A dispatch costs something of its own beside its pairs. So a node with small ones must not seem slow: time is fitted
/// by a line over the pairs, and nodes are compared at the same size. Thread-safe.
final class ServiceTimes {
  /// Dispatches that count; older ones fade.
  static final int WINDOW = 128;

  private long dispatches;
  private long totalPairs;
  private double pairs;
  private double nanos;
  private double variance;
  private double covariance;

  /// @param service the time it took
  /// @param size its pairs, and those the node had to do before
  synchronized void add(Duration service, int size) {
    dispatches++;
    double weight = 1.0 / Math.min(dispatches, WINDOW);
    double morePairs = size - pairs;
    double moreNanos = service.toNanos() - nanos;
    pairs += weight * morePairs;
    nanos += weight * moreNanos;
    variance = (1 - weight) * (variance + weight * morePairs * morePairs);
    covariance = (1 - weight) * (covariance + weight * morePairs * moreNanos);
  }

  /// No answer was waited for any longer: it would have taken at least this.
  synchronized void addUnanswered(Duration waited, int size) {
    if (dispatches > 0 && waited.toNanos() > nanos) {
      add(waited, size);
    }
  }

  /// The node has computed pairs.
  synchronized void computed(int more) {
    totalPairs += more;
  }

  /// Pairs it has computed so far.
  synchronized long totalPairs() {
    return totalPairs;
  }

  synchronized Pace pace() {
    double atMost = pairs > 0 ? nanos / pairs : 0;
    return new Pace(dispatches, pairs, nanos, variance > 0 ? Math.clamp(covariance / variance, 0, atMost) : atMost);
  }
}
