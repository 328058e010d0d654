package io.llada.coordinator.dispatch;

/// How many second attempts may be made beside a first that still runs: a share of all dispatches, so that a cluster
/// that is slow as a whole is not asked for twice the work. Thread-safe.
final class HedgeBudget {
  /// Hedges per dispatch.
  static final double SHARE = 0.05;
  /// Hedges that may be saved up for a burst.
  static final int BURST = 10;

  private double tokens = BURST;
  private long hedges;

  /// A dispatch was sent.
  synchronized void earn() {
    tokens = Math.min(BURST, tokens + SHARE);
  }

  /// Asks for one hedge.
  synchronized boolean spend() {
    if (tokens < 1) {
      return false;
    }
    tokens--;
    hedges++;
    return true;
  }

  /// Hedges made so far.
  synchronized long hedges() {
    return hedges;
  }
}
