package io.llada.gateway.coordinator;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Whether a request sent now would be answered: some coordinator ran a forward pass lately and every expert shard has
 * an owner. An open port alone proves neither.
 *
 * @param reasons why not, for people to read; empty when ready
 */
public record Readiness(List<String> reasons) {
  /** Age from which the last forward pass proves nothing any more. */
  public static final Duration MAX_FORWARD_AGE = Duration.ofSeconds(30);

  public Readiness {
    reasons = List.copyOf(reasons);
  }

  public boolean isReady() {
    return reasons.isEmpty();
  }

  static Readiness of(List<CoordinatorView> views, long nowNanos) {
    List<String> reasons = new ArrayList<>();
    for (CoordinatorView view : views) {
      Optional<String> reason = reasonAgainst(view, nowNanos);
      if (reason.isEmpty()) {
        return new Readiness(List.of());
      }
      reasons.add("coordinator " + view.name() + ": " + reason.get());
    }
    return new Readiness(reasons);
  }

  static Optional<String> reasonAgainst(CoordinatorView view, long nowNanos) {
    return switch (view.state()) {
      case CoordinatorView.Unusable unusable -> Optional.of(unusable.reason());
      case CoordinatorView.Reachable reachable -> reasonAgainst(reachable.status(),
          Duration.ofNanos(nowNanos - reachable.seenAtNanos()));
    };
  }

  private static Optional<String> reasonAgainst(CoordinatorStatus status, Duration sinceSeen) {
    if (status.isDraining()) {
      return Optional.of("it is shutting down");
    }
    if (status.lastForwardAge().isEmpty()) {
      return Optional.of("no forward pass has ended well yet");
    }
    Duration age = status.lastForwardAge().get().plus(sinceSeen);
    if (age.compareTo(MAX_FORWARD_AGE) >= 0) {
      return Optional.of("the last good forward pass is %d s old: must be less than %d s".formatted(age.toSeconds(),
          MAX_FORWARD_AGE.toSeconds()));
    }
    return status.isEveryShardCovered()
        ? Optional.empty()
        : Optional.of("expert shards without an owner: " + String.join(", ", status.missingShards()));
  }
}
