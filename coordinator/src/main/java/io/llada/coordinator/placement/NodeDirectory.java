package io.llada.coordinator.placement;

import io.llada.cluster.Lease;
import io.llada.cluster.LeaseTracker;
import java.util.List;

/// Where expert nodes may be found. Whether one is really there, its own description says.
@FunctionalInterface
public interface NodeDirectory {
  /// Endpoints to try, `host:port`.
  List<String> endpoints();

  /// Whether a node that is not named any more says itself that it leaves. One that only fell silent may be used for as
  /// long as it answers.
  default boolean isLeaving(String endpoint) {
    return !endpoints().contains(endpoint);
  }

  /// A fixed list, for clusters without a registry.
  static NodeDirectory of(List<String> endpoints) {
    List<String> fixed = List.copyOf(endpoints);
    return () -> fixed;
  }

  /// The nodes whose leases are fresh and that do not drain.
  static NodeDirectory of(LeaseTracker leases) {
    return new NodeDirectory() {
      @Override
      public List<String> endpoints() {
        return of(Lease.State.READY);
      }

      @Override
      public boolean isLeaving(String endpoint) {
        return of(Lease.State.DRAINING).contains(endpoint);
      }

      private List<String> of(Lease.State state) {
        return leases.fresh().stream()
            .filter(lease -> lease.role() == Lease.Role.EXPERT_NODE && lease.state() == state).map(Lease::endpoint)
            .distinct().toList();
      }
    };
  }
}
