package io.llada.coordinator.placement;

import java.time.Duration;

/// Times of the placement driver.
///
/// @param plannerId name of this coordinator
/// @param probeInterval how often every node is asked to describe itself
/// @param probeTimeout the most an answer may take
/// @param debounce how long the set of nodes must stand still before a plan is made
/// @param gatherTimeout how long the first plan waits for every known node to answer
/// @param prepareTimeout the most loading may take
public record PlacementSettings(String plannerId, Duration probeInterval, Duration probeTimeout, Duration debounce,
    Duration gatherTimeout, Duration prepareTimeout) {
  /// The usual times.
  public static PlacementSettings of(String plannerId) {
    return new PlacementSettings(plannerId, Duration.ofMillis(500), Duration.ofSeconds(1), Duration.ofMillis(300),
        Duration.ofSeconds(5), Duration.ofMinutes(10));
  }
}
