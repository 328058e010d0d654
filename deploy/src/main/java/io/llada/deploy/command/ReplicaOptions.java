package io.llada.deploy.command;

import io.llada.coordinator.placement.PlacementGoals;
import picocli.CommandLine.Option;

/// On how many expert nodes each expert shard is kept.
final class ReplicaOptions {
  @Option(names = "--replicas", paramLabel = "N", defaultValue = "1", description = "Expert nodes that hold each expert "
      + "shard, as far as there are nodes and memory; with 2, no request notices the loss of a node. "
      + "Default: ${DEFAULT-VALUE}.")
  private int replicas;

  PlacementGoals goals() {
    return PlacementGoals.of(replicas);
  }
}
