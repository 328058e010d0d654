package io.llada.cluster;

import java.util.List;
import java.util.Objects;

/// A process's promise to be alive, rewritten again and again with a rising sequence number.
///
/// @param nodeId name of the process, unique in the cluster
/// @param incarnation drawn anew at each start
/// @param endpoint `host:port` at which others reach it
/// @param role what it does
/// @param capacityBytes bytes of expert weights it may hold; 0 for a coordinator
/// @param numericsClass arithmetic of its kernels
/// @param device what it computes with, as operators name it
/// @param modelDigest digest of the checkpoint it serves
/// @param state whether it takes new work
/// @param sequence rises with every rewrite; readers judge freshness by its change, not by anybody's clock
/// @param shards expert shards it holds
/// @param queueDepth dispatches that wait in it
public record Lease(String nodeId, String incarnation, String endpoint, Role role, long capacityBytes,
    String numericsClass, String device, String modelDigest, State state, long sequence, List<HeldShard> shards, int queueDepth) {
  /// What a process does.
  public enum Role {
    EXPERT_NODE,
    COORDINATOR
  }

  /// Whether a process takes new work.
  public enum State {
    READY,
    /// It finishes what it has and then leaves.
    DRAINING,
    /// It cannot compute any more; its log says why.
    UNHEALTHY
  }

  public Lease {
    requireText("nodeId", nodeId);
    requireText("incarnation", incarnation);
    requireText("endpoint", endpoint);
    Objects.requireNonNull(role, "role");
    Objects.requireNonNull(numericsClass, "numericsClass");
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(modelDigest, "modelDigest");
    Objects.requireNonNull(state, "state");
    if (capacityBytes < 0 || sequence < 0 || queueDepth < 0) {
      throw new IllegalArgumentException("capacity, sequence and queue depth are not negative, found %d, %d, %d"
          .formatted(capacityBytes, sequence, queueDepth));
    }
    shards = List.copyOf(shards);
  }

  private static void requireText(String field, String value) {
    if (value == null || value.isBlank()) {
      throw new IllegalArgumentException("a lease needs a " + field);
    }
  }

  /// The same lease under another sequence number.
  public Lease numbered(long newSequence) {
    return new Lease(nodeId, incarnation, endpoint, role, capacityBytes, numericsClass, device, modelDigest, state,
        newSequence, shards, queueDepth);
  }

  /// Whether both are promises of the same life of the same process.
  public boolean isSameLife(Lease other) {
    return nodeId.equals(other.nodeId) && incarnation.equals(other.incarnation);
  }
}
