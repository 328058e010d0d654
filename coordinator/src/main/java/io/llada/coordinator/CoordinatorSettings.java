package io.llada.coordinator;

import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.PlacementGoals;
import java.nio.file.Path;

/// How one coordinator runs.
///
/// @param id name of the coordinator, unique in the cluster
/// @param model checkpoint directory
/// @param experts where the experts are
/// @param compute how the model is computed
/// @param limits bounds of the scheduler
/// @param goals on how many nodes each expert shard should be
public record CoordinatorSettings(String id, Path model, ExpertSource experts, ComputeSettings compute,
    SchedulerLimits limits, PlacementGoals goals) {
  public CoordinatorSettings {
    if (id.isBlank()) {
      throw new IllegalArgumentException("a coordinator needs an id");
    }
  }
}
