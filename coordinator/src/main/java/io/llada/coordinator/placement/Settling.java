package io.llada.coordinator.placement;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/// Whether nodes have stopped to come and go: those that start or end together should not be planned for one by one. For
/// one thread at a time.
final class Settling {
  private static final int MAX_DEBOUNCES = 10;

  private final Duration debounce;
  private Optional<Change> latest = Optional.empty();

  /// Nodes that have changed, and since when they have not.
  ///
  /// @param lives the nodes
  /// @param since when the last of them came or went
  /// @param begunAt when the first did
  private record Change(Set<String> lives, long since, long begunAt) {}

  /// @param debounce how long nodes must stand still; ten times as long, and they are taken as they are
  Settling(Duration debounce) {
    this.debounce = debounce;
  }

  /// Takes note of the nodes there are.
  ///
  /// @return whether none has come or gone for a while, or they never stop to
  boolean isOver(Set<String> lives, long now) {
    Change before = latest.orElse(new Change(Set.of(), now, now));
    Change change = lives.equals(before.lives) ? before : new Change(lives, now, before.begunAt);
    latest = Optional.of(change);
    return now - change.since >= debounce.toNanos()
        || now - change.begunAt >= debounce.multipliedBy(MAX_DEBOUNCES).toNanos();
  }

  /// There is nothing to wait for.
  void forget() {
    latest = Optional.empty();
  }
}
