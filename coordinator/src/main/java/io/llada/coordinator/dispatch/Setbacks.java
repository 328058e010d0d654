package io.llada.coordinator.dispatch;

import io.llada.coordinator.dispatch.Trouble.Bound;
import io.llada.coordinator.placement.Placement;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.model.experts.MissingExperts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.stream.Collectors;

/// What of one layer is to be sent again, when, and for how long at most. Not thread-safe.
final class Setbacks {
  /// How often a placement is looked at for an owner.
  static final Duration PLACEMENT_POLL = Duration.ofMillis(10);

  private final int layer;
  private final DispatchContext context;
  private final DispatchSettings settings;
  private final long startedAt;
  private final List<Setback> waiting = new ArrayList<>();

  Setbacks(int layer, DispatchContext context) {
    this.layer = layer;
    this.context = context;
    settings = context.settings();
    startedAt = now();
  }

  private long now() {
    return context.nanoClock().getAsLong();
  }

  boolean isEmpty() {
    return waiting.isEmpty();
  }

  void clear() {
    waiting.clear();
  }

  /// An attempt failed and is made again.
  ///
  /// @param portions of it that nobody else was asked for
  /// @throws ExpertsUnavailableException when that has been done for long enough
  void add(Attempt attempt, SortedSet<Portion> portions, Trouble trouble) {
    Setback setback = after(attempt, portions, trouble);
    if (trouble.bound() == Bound.PATIENCE && now() - setback.since() > settings.ownerPatience().toNanos()) {
      throw unavailable(setback, noOwner(), MissingExperts.NONE);
    }
    if (trouble.bound() == Bound.ATTEMPTS && setback.attempts() >= settings.maxAttempts()) {
      throw unavailable(setback, "%d attempts are the limit".formatted(settings.maxAttempts()), MissingExperts.NONE);
    }
    if (trouble.bound() != Bound.BUDGET) {
      context.counts().failovers().increment();
    }
    waiting.add(setback);
  }

  /// Nobody holds some portions.
  ///
  /// @param setback what they are part of; its rows may be kept
  void addHomeless(Setback setback, SortedSet<Portion> portions) {
    waiting.add(setback.waiting(portions, now() + PLACEMENT_POLL.toNanos()));
  }

  /// What follows from an attempt that brought nothing, or nothing yet.
  Setback after(Attempt attempt, SortedSet<Portion> portions, Trouble trouble) {
    Setback history = attempt.history();
    int attempts = history.attempts() + (trouble.bound() == Bound.BUDGET ? 0 : 1);
    long now = now();
    long since = history.attempts() == 0 ? now - trouble.silentFor().toNanos() : history.since();
    Set<String> failed = new HashSet<>(history.failed());
    failed.add(attempt.nodeId());
    Duration pause = hasAnotherOwner(attempt) ? Duration.ZERO : Setback.pauseBefore(attempts + 1, trouble.retryAfter());
    return new Setback(attempt.rows(context.model()), portions, attempts, since, now + pause.toNanos(),
        history.placement(), failed, "node %s: %s".formatted(attempt.nodeId(), trouble.reason()));
  }

  boolean hasAnotherOwner(Attempt attempt) {
    Set<String> failed = new HashSet<>(attempt.history().failed());
    failed.add(attempt.nodeId());
    return attempt.portions().stream()
        .allMatch(portion -> !failed.containsAll(ReplicaChoice.usable(context, layer, portion.group())));
  }

  /// What is to be sent again now; it waits here no more.
  ///
  /// @throws ExpertsUnavailableException when something has waited for long enough
  List<Setback> due() {
    long now = now();
    Placement placement = context.placement().get();
    List<Setback> due = new ArrayList<>();
    for (Setback setback : List.copyOf(waiting)) {
      if (now - startedAt > settings.budget().toNanos()) {
        throw unavailable(setback, "the budget of %s is spent".formatted(settings.budget()), MissingExperts.NONE);
      }
      if (now - setback.since() > settings.ownerPatience().toNanos() && isHomeless(setback)) {
        throw unavailable(setback, noOwner(), new MissingExperts(placement.epoch(), unowned()));
      }
      boolean isNewPlacement = placement != setback.placement();
      if (now >= setback.retryAt() || isNewPlacement) {
        waiting.remove(setback);
        due.add(isNewPlacement ? setback.under(placement) : setback);
      }
    }
    return due;
  }

  private boolean isHomeless(Setback setback) {
    return setback.portions().stream()
        .anyMatch(portion -> ReplicaChoice.usable(context, layer, portion.group()).isEmpty());
  }

  /// All shards that nobody holds now, so that they are waited for once.
  private Set<ShardId> unowned() {
    return context.model().shards().stream()
        .filter(shard -> ReplicaChoice.usable(context, shard.layer(), shard.group()).isEmpty())
        .collect(Collectors.toSet());
  }

  private String noOwner() {
    return "no other owner within %d ms".formatted(settings.ownerPatience().toMillis());
  }

  /// @param missing shards that nobody holds and that were waited for
  ExpertsUnavailableException unavailable(Setback setback, String why, MissingExperts missing) {
    SortedSet<Integer> groups = Portion.groups(setback.portions());
    return new ExpertsUnavailableException(layer, groups,
        "layer %d groups %s cannot be computed at placement epoch %d: %s (%s); the request can be repeated".formatted(
            layer, groups, context.placement().get().epoch(), setback.reason(), why),
        missing);
  }
}
