package io.llada.coordinator.dispatch;

import java.time.Duration;

/// How long one layer stood still for its nodes, and what for.
///
/// The last answer decides when the layer goes on. Half of its transport is taken to lie before the node's work and half
/// behind it; what the coordinator did meanwhile, the shared expert, covers the beginning. Not thread-safe.
final class Standstill {
  private Duration stood = Duration.ZERO;
  private Duration service = Duration.ZERO;
  private Duration transport = Duration.ZERO;

  /// The coordinator had nothing to do but wait.
  void stood(Duration time) {
    stood = stood.plus(time);
  }

  /// An answer was waited for, the last one so far.
  ///
  /// @param roundTrip since the rows were handed over
  /// @param serviceTime the part of it that the node had them; zero where no node said
  void answered(Duration roundTrip, Duration serviceTime) {
    service = lesser(roundTrip, serviceTime);
    transport = roundTrip.minus(service);
  }

  DispatchTimes times() {
    Duration beforeTheWayBack = stood.minus(lesser(stood, transport.dividedBy(2)));
    Duration waiting = lesser(beforeTheWayBack, service);
    return new DispatchTimes(waiting, stood.minus(waiting));
  }

  private static Duration lesser(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }
}
