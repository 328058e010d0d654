package io.llada.coordinator.placement;

import java.util.Comparator;

/// The name of a plan. Coordinators that plan at the same time choose the same epoch; the first planner's plan counts.
///
/// @param epoch number of the placement, from 1; 0: none
/// @param plannerId coordinator that made it
public record PlanId(long epoch, String plannerId) implements Comparable<PlanId> {
  /// Before the first plan.
  public static final PlanId NONE = new PlanId(0, "");

  /// The plan that has precedence comes last.
  @Override
  public int compareTo(PlanId other) {
    return Comparator.comparingLong(PlanId::epoch).thenComparing(PlanId::plannerId, Comparator.reverseOrder())
        .compare(this, other);
  }
}
