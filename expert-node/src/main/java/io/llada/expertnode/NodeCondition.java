package io.llada.expertnode;

import io.llada.cluster.Lease;

/// How the node fares, as its lease, its description and its health say it. Thread-safe.
final class NodeCondition {
  private boolean isDraining;
  private String failure = "";

  /// The node is about to leave.
  synchronized void drain() {
    isDraining = true;
  }

  /// The device failed: the node can compute nothing until it is started again.
  ///
  /// @return whether that is news
  synchronized boolean fail(String message) {
    boolean isFirst = failure.isEmpty();
    failure = message;
    return isFirst;
  }

  synchronized boolean isDraining() {
    return isDraining;
  }

  /// Why it cannot compute any more; empty while it can.
  synchronized String failure() {
    return failure;
  }

  synchronized Lease.State state() {
    if (!failure.isEmpty()) {
      return Lease.State.UNHEALTHY;
    }
    return isDraining ? Lease.State.DRAINING : Lease.State.READY;
  }
}
