package io.llada.coordinator.placement;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// Taking up plans of other coordinators, or of an earlier life of this one. For one thread at a time.
final class Adoption {
  /// How long another coordinator's plan may take to reach every node before this one plans anew.
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  private final Planning planning;
  private Optional<Long> pendingSince = Optional.empty();

  Adoption(Planning planning) {
    this.planning = planning;
  }

  /// Looks at what nodes have been told.
  ///
  /// @param followed the plan that is followed
  /// @return the plan to follow instead: all nodes follow it, it is as good as one of ours, and it goes before that one or
  ///   has its epoch: then no node has heard of that one, which was made by a coordinator that was cut off
  Optional<Target> look(PlanId followed, long now) {
    List<DescribedNode> nodes = planning.nodes();
    PlanId latest = nodes.stream().map(node -> node.planned().id()).max(Comparator.naturalOrder()).orElse(PlanId.NONE);
    boolean goesBefore = latest.compareTo(followed) > 0;
    pendingSince = goesBefore ? Optional.of(pendingSince.orElse(now)) : Optional.empty();
    if (latest.equals(followed) || latest.epoch() < followed.epoch()) {
      return Optional.empty();
    }
    boolean isFollowed = nodes.stream().allMatch(node -> node.planned().id().equals(latest));
    return Optional.of(Target.of(latest, nodes)).filter(theirs -> isFollowed && planning.isAsGoodAsOurs(theirs));
  }

  /// Whether a plan that goes before ours is on its way.
  boolean isPending() {
    return pendingSince.isPresent();
  }

  /// Whether it has been for too long.
  boolean isOverdue(long now) {
    return pendingSince.filter(since -> now - since > PATIENCE.toNanos()).isPresent();
  }

  /// Another plan is followed now.
  void forget() {
    pendingSince = Optional.empty();
  }
}
