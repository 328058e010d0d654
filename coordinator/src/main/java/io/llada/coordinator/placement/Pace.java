package io.llada.coordinator.placement;

/// How long a node has dispatches, by their size: means over the latest of them.
///
/// @param dispatches measured so far
/// @param pairs of a dispatch
/// @param nanos a dispatch takes
/// @param nanosPerPair how much longer one takes with every pair more
public record Pace(long dispatches, double pairs, double nanos, double nanosPerPair) {
  /// Nothing is known.
  public static final Pace NONE = new Pace(0, 0, 0, 0);

  /// What a dispatch of another size would take, at least one nanosecond.
  double nanosFor(double otherPairs) {
    return Math.max(1, nanos + nanosPerPair * (otherPairs - pairs));
  }
}
