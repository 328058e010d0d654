package io.llada.coordinator.placement;

import io.llada.coordinator.placement.PlacementPlanner.Node;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import java.util.Collection;

/// Says which nodes hold which shards: the same nodes and terms give the same plan, in whatever order they are named.
@FunctionalInterface
public interface Planner {
  Plan plan(Collection<Node> nodes, PlanTerms terms);
}
