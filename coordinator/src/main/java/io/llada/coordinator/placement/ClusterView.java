package io.llada.coordinator.placement;

import io.llada.cluster.LeaseTracker;
import io.llada.model.config.ShardId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

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

  /// What has happened since the start.
  Counts counts();

  /// What the planner would do now.
  ///
  /// @return ends soon; with an [IllegalStateException] when there is nothing to plan
  CompletableFuture<Proposal> propose(Proposal.Intent intent);

  /// What has happened since the start.
  ///
  /// @param repeats dispatches that were made again
  /// @param plans what has become of plans
  record Counts(Repeats repeats, PlacementDriver.Counts plans) {}

  /// Dispatches that were made again.
  ///
  /// @param hedges because the first was late
  /// @param failovers because it failed
  record Repeats(long hedges, long failovers) {
    static final Repeats NONE = new Repeats(0, 0);
  }

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

      @Override
      public Counts counts() {
        return new Counts(Repeats.NONE, PlacementDriver.Counts.NONE);
      }

      @Override
      public CompletableFuture<Proposal> propose(Proposal.Intent intent) {
        return CompletableFuture.failedFuture(
            new IllegalStateException("the coordinator computes the experts itself; there is nothing to rebalance"));
      }
    };
  }

  /// Experts on the nodes of a placement.
  ///
  /// @param leases where the nodes are known from; empty: they were told at the start
  /// @param repeats dispatches made again so far
  static ClusterView of(PlacementDriver placement, Optional<LeaseTracker> leases, Supplier<Repeats> repeats) {
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

      @Override
      public Counts counts() {
        return new Counts(repeats.get(), placement.counts());
      }

      @Override
      public CompletableFuture<Proposal> propose(Proposal.Intent intent) {
        return placement.propose(intent);
      }
    };
  }

  private static String freshness(LeaseTracker leases) {
    return leases.staleFor().map(age -> "stale since %d s".formatted(age.toSeconds())).orElse("fresh");
  }
}
