package io.llada.coordinator.simulation;

import io.llada.coordinator.dispatch.LayerDispatch;
import java.util.List;

/// One layer that a client of a coordinator waits for.
///
/// @param work what is computed
/// @param parts its dispatches
/// @param startedAt virtual nanoseconds
/// @param hedgesBefore hedges the coordinator had made before it
record LayerRequest(SimulatedModel.Work work, List<LayerDispatch> parts, long startedAt, long hedgesBefore) {
  boolean isComplete() {
    return parts.stream().allMatch(LayerDispatch::isComplete);
  }
}
