package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/// Control calls to one node. They return at once; what comes of them is in the future, a [CallException] where the node
/// did not follow. A call ends within its timeout or a little more. Thread-safe.
public interface NodeCalls extends AutoCloseable {
  /// What a plan tells one node.
  ///
  /// @param plan the plan
  /// @param coordinatorId who speaks
  /// @param modelDigest the checkpoint it is for
  /// @param shards the node's shards
  /// @param holders endpoints of other nodes that hold a shard, as far as it helps to know
  record Order(PlanId plan, String coordinatorId, String modelDigest, Collection<ShardId> shards,
      Map<ShardId, List<String>> holders) {}

  /// Asks the node who it is.
  CompletableFuture<DescribedNode> describe(Duration timeout);

  /// Has the node load what it does not hold yet.
  CompletableFuture<Void> prepare(Order order, Duration timeout);

  /// Tells the node that this coordinator acts on the placement.
  CompletableFuture<Void> activate(Order order, Duration timeout);

  /// Has the node let go of everything but these shards at once.
  CompletableFuture<Void> release(Order order, Duration timeout);

  @Override
  void close();
}
