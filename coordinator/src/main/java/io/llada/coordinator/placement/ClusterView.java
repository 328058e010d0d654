package io.llada.coordinator.placement;

import io.llada.cluster.LeaseTracker;
import io.llada.model.config.ShardId;
import java.util.List;
import java.util.Optional;

/// Who computes the experts, as an operator wants to see it. Thread-safe.
public interface ClusterView {
  /// What [#registry] says of a cluster that needs none.
  String STATIC = "static";

  /// Shards nobody can compute at the moment; empty when all is well.
  List<ShardId> missing();

  /// Shards with fewer living owners than are wanted and could be, those without any included; empty when all is well.
  List<ShardId> underReplicated();

  /// Number of the placement in use; 0 before the first.
  long epoch();

  /// The expert nodes known.
  List<NodeStatus> nodes();

  /// Where nodes are known from: `static`, `fresh` or `stale since N s`.
  String registry();

  /// In a word or two.
  String description();

  /// Experts computed by the coordinator itself.
  static ClusterView local() {
    return new ClusterView() {
      @Override
      public List<ShardId> missing() {
        return List.of();
      }

      @Override
      public List<ShardId> underReplicated() {
        return List.of();
      }

      @Override
      public long epoch() {
        return 0;
      }

      @Override
      public List<NodeStatus> nodes() {
        return List.of();
      }

      @Override
      public String registry() {
        return STATIC;
      }

      @Override
      public String description() {
        return "local";
      }
    };
  }

  /// Experts on the nodes of a placement.
  ///
  /// @param leases where the nodes are known from; empty: they were told at the start
  static ClusterView of(PlacementDriver placement, Optional<LeaseTracker> leases) {
    return new ClusterView() {
      @Override
      public List<ShardId> missing() {
        return placement.missing();
      }

      @Override
      public List<ShardId> underReplicated() {
        return placement.underReplicated();
      }

      @Override
      public long epoch() {
        return placement.placement().epoch();
      }

      @Override
      public List<NodeStatus> nodes() {
        return placement.nodes();
      }

      @Override
      public String registry() {
        return leases.map(ClusterView::freshness).orElse(STATIC);
      }

      @Override
      public String description() {
        return "expert nodes";
      }
    };
  }

  private static String freshness(LeaseTracker leases) {
    return leases.staleFor().map(age -> "stale since %d s".formatted(age.toSeconds())).orElse("fresh");
  }
}
