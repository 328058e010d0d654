package io.llada.coordinator.placement;

import io.llada.cluster.Lease;
import io.llada.cluster.LeaseTracker;
import java.util.List;

/// Where expert nodes may be found. Whether one is really there, its own description says.
@FunctionalInterface
public interface NodeDirectory {
  /// Endpoints to try, `host:port`.
  List<String> endpoints();

  /// A fixed list, for clusters without a registry.
  static NodeDirectory of(List<String> endpoints) {
    List<String> fixed = List.copyOf(endpoints);
    return () -> fixed;
  }

  /// The nodes whose leases are fresh. One that drains serves on until it has left.
  static NodeDirectory of(LeaseTracker leases) {
    return () -> leases.fresh().stream()
        .filter(lease -> lease.role() == Lease.Role.EXPERT_NODE && lease.state() != Lease.State.UNHEALTHY)
        .map(Lease::endpoint).distinct().toList();
  }
}
