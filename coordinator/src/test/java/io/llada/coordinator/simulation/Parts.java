package io.llada.coordinator.simulation;

import io.llada.coordinator.placement.DescribedNode;
import io.llada.coordinator.placement.Planner;
import io.llada.expertnode.SteppedNode;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/// Where a defect can be put in: the seams between the real parts.
///
/// @param planner around the planner
/// @param hearsay what a coordinator makes of a node's description
/// @param afterActivate what a node does beyond following an ACTIVATE
/// @param timesAdded how often a layer is added that was asked of two nodes
record Parts(UnaryOperator<Planner> planner, UnaryOperator<DescribedNode> hearsay,
    Consumer<SteppedNode> afterActivate, int timesAdded) {
  /// Nothing but the product.
  static final Parts REAL = new Parts(UnaryOperator.identity(), UnaryOperator.identity(), node -> {}, 1);

  Parts withPlanner(UnaryOperator<Planner> broken) {
    return new Parts(broken, hearsay, afterActivate, timesAdded);
  }

  Parts withHearsay(UnaryOperator<DescribedNode> broken) {
    return new Parts(planner, broken, afterActivate, timesAdded);
  }

  Parts withAfterActivate(Consumer<SteppedNode> broken) {
    return new Parts(planner, hearsay, broken, timesAdded);
  }

  Parts withTimesAdded(int broken) {
    return new Parts(planner, hearsay, afterActivate, broken);
  }
}
