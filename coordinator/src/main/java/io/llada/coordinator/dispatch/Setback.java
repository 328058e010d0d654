package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.Placement;
import java.time.Duration;
import java.util.Set;
import java.util.SortedSet;

/// Portions of one layer that are to be sent again.
///
/// @param rows their rows
/// @param portions the portions
/// @param attempts how often they were sent
/// @param since monotonic nanoseconds at which they first had no answer
/// @param retryAt not before, monotonic nanoseconds
/// @param placement the snapshot of the last attempt; under another one there is nothing to wait for
/// @param failed nodes that failed under it
/// @param reason what happened last
record Setback(RoutedRows rows, SortedSet<Portion> portions, int attempts, long since, long retryAt,
    Placement placement,
    Set<String> failed, String reason) {
  private static final Duration FIRST_PAUSE = Duration.ofMillis(5);
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(100);
  private static final int LONGEST_PAUSE_SHIFT = 5;

  /// The same groups under another placement, where every owner deserves a try.
  Setback under(Placement newPlacement) {
    return new Setback(rows, portions, attempts, since, retryAt, newPlacement, Set.of(), reason);
  }

  /// Some of the portions, later.
  Setback waiting(SortedSet<Portion> some, long until) {
    return new Setback(rows, some, attempts, since, until, placement, failed, reason);
  }

  /// The same with other rows.
  Setback with(RoutedRows others) {
    return new Setback(others, portions, attempts, since, retryAt, placement, failed, reason);
  }

  /// Longer with every attempt, and at least what the node asks for, within a bound.
  static Duration pauseBefore(int attempt, Duration asked) {
    Duration own = FIRST_PAUSE.multipliedBy(1L << Math.min(attempt - 1, LONGEST_PAUSE_SHIFT));
    Duration longer = own.compareTo(asked) > 0 ? own : asked;
    return longer.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : longer;
  }
}
