package io.llada.cluster;

import java.util.List;

/// Leases for tests.
final class Leases {
  private Leases() {}

  static Lease of(String nodeId, String incarnation, long sequence) {
    return at("127.0.0.1:7101", nodeId, incarnation, sequence);
  }

  static Lease at(String endpoint, String nodeId, String incarnation, long sequence) {
    return new Lease(nodeId, incarnation, endpoint, Lease.Role.EXPERT_NODE, 1L << 40, "cpu-f32-panel32",
        "cpu", "digest", Lease.State.READY, sequence, List.of(new HeldShard(1, 0), new HeldShard(2, 3)), 4);
  }
}
