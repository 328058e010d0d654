package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.Placement;
import io.llada.coordinator.placement.RoutedPairs;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;

/// What all dispatches of a coordinator have in common.
///
/// @param model the experts
/// @param settings how rows are dispatched
/// @param placement the snapshot to dispatch by, asked anew for every layer and every repetition
/// @param connections connection to a node id
/// @param hedges how many second attempts may be made
/// @param counts what happens
/// @param nanoClock monotonic nanoseconds
/// @param refresh asks for a new look at the nodes: one of them does not hold what the placement says
record DispatchContext(ExpertModel model, DispatchSettings settings, Supplier<Placement> placement,
    Function<String, Optional<ExpertConnection>> connections, HedgeBudget hedges, Counts counts, LongSupplier nanoClock,
    Runnable refresh) {
  /// Told what happens.
  ///
  /// @param routed counts the pairs of every shard
  /// @param failovers counts attempts that failed and were made again
  record Counts(RoutedPairs routed, LongAdder failovers) {}
}
