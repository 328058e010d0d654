package io.llada.gateway.coordinator;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A coordinator's own view of its readiness and load.
 *
 * @param lastForwardAge since the last forward pass that ended well; empty: none yet
 * @param missingShards expert shards without an owner, for people to read
 * @param expertNodes expert nodes it knows; none when it computes the experts itself
 * @param numericsClass arithmetic of its kernels
 * @param registry where it knows its expert nodes from: "static", "fresh" or "stale since N s"
 * @param underReplicated expert shards with fewer owners than wanted, for people to read
 * @param isDraining whether it takes no new requests, because it ends
 * @param counts what has happened since its start
 */
public record CoordinatorStatus(Optional<Duration> lastForwardAge, boolean isEveryShardCovered,
    List<String> missingShards, int runningSequences, int queuedSequences, long placementEpoch,
    List<ExpertNodeView> expertNodes, long forwards, long tokensCommitted, String numericsClass, String registry,
    List<String> underReplicated, boolean isDraining, Counts counts) {
  public CoordinatorStatus {
    missingShards = List.copyOf(missingShards);
    expertNodes = List.copyOf(expertNodes);
    underReplicated = List.copyOf(underReplicated);
  }

  /**
   * What has happened since the start.
   *
   * @param hedges dispatches made a second time because the first was late
   * @param failovers dispatches made again because they failed
   * @param plansMade placement plans it has made
   * @param plansTakenUp plans of other coordinators it has taken up
   * @param imbalance how much longer the slowest node takes than all would with the load spread to perfection
   */
  public record Counts(long hedges, long failovers, long plansMade, long plansTakenUp, double imbalance) {}

  /** Sequences that a new one would compete with. */
  public int load() {
    return runningSequences + queuedSequences;
  }
}
