package io.llada.gateway.coordinator;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A coordinator's own view of its readiness and load.
 *
 * @param lastForwardAge since the last forward pass that ended well; empty: none yet
 * @param missingShards expert shards without an owner, for people to read
 * @param expertNodes expert nodes it knows
 */
public record CoordinatorStatus(Optional<Duration> lastForwardAge, boolean isEveryShardCovered,
    List<String> missingShards, int runningSequences, int queuedSequences, long placementEpoch, int expertNodes,
    long forwards, long tokensCommitted) {
  public CoordinatorStatus {
    missingShards = List.copyOf(missingShards);
  }

  /** Sequences that a new one would compete with. */
  public int load() {
    return runningSequences + queuedSequences;
  }
}
