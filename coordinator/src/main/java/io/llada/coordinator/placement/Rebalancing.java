package io.llada.coordinator.placement;

import java.time.Duration;

/// When a plan is made although no node has come or gone, and how much it may move.
///
/// @param threshold how many times as long as it would with load spread to perfection the slowest node may take
/// @param patience how long that must go on
/// @param interval least time between plans made for balance
/// @param maxShare replicas a plan may load for balance, in parts of all replicas
/// @param halfLife after which a routed pair counts half
public record Rebalancing(double threshold, Duration patience, Duration interval, double maxShare, Duration halfLife) {
  public static final Rebalancing USUAL = new Rebalancing(1.25, Duration.ofSeconds(60), Duration.ofMinutes(5), 0.25,
      Duration.ofMinutes(2));

  public Rebalancing {
    if (!(threshold >= 1) || !(maxShare >= 0 && maxShare <= 1)) {
      throw new IllegalArgumentException("the threshold is 1 or more and the share of moves 0 to 1, found %s and %s"
          .formatted(threshold, maxShare));
    }
    if (patience.isNegative() || interval.isNegative() || !halfLife.isPositive()) {
      throw new IllegalArgumentException(
          "patience and interval are 0 or more and the half-life positive, found %s, %s, %s"
              .formatted(patience, interval, halfLife));
    }
  }
}
