package io.llada.coordinator.placement;

import java.time.Duration;

/// How the placement driver works.
///
/// @param plannerId name of this coordinator
/// @param goals what a placement should achieve
/// @param probeInterval how often every node is asked to describe itself
/// @param probeTimeout the most an answer may take
/// @param debounce how long the set of nodes must stand still before a plan is made
/// @param gatherTimeout how long the first plan waits for every known node to answer
/// @param silence how long a node may be silent that alone holds a shard
/// @param coveredSilence how long a node may be silent whose shards others hold too: it may come back with them
/// @param prepareTimeout the most loading may take
/// @param rebalancing when plans are made for balance
public record PlacementSettings(String plannerId, PlacementGoals goals, Duration probeInterval, Duration probeTimeout,
    Duration debounce, Duration gatherTimeout, Duration silence, Duration coveredSilence, Duration prepareTimeout,
    Rebalancing rebalancing) {
  /// The usual times.
  public static PlacementSettings of(String plannerId, PlacementGoals goals) {
    return new PlacementSettings(plannerId, goals, Duration.ofMillis(500), Duration.ofSeconds(1),
        Duration.ofMillis(300), Duration.ofSeconds(5), Duration.ofSeconds(3), Duration.ofSeconds(45),
        Duration.ofMinutes(10), Rebalancing.USUAL);
  }
}
