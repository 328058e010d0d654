package io.llada.coordinator.dispatch;

import java.time.Duration;

/// How long forward passes stood still for expert nodes.
///
/// @param waiting for the slowest node of each layer to work, where the coordinator had nothing else to do
/// @param transport of its rows and sums, where the coordinator had nothing else to do: the round trip without the time
///   the node had them
public record DispatchTimes(Duration waiting, Duration transport) {
  public static final DispatchTimes NONE = new DispatchTimes(Duration.ZERO, Duration.ZERO);

  public DispatchTimes plus(DispatchTimes other) {
    return new DispatchTimes(waiting.plus(other.waiting), transport.plus(other.transport));
  }

  public DispatchTimes minus(DispatchTimes other) {
    return new DispatchTimes(waiting.minus(other.waiting), transport.minus(other.transport));
  }
}
