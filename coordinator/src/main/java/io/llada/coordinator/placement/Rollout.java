package io.llada.coordinator.placement;

import io.llada.coordinator.placement.NodeControl.CallException;
import io.llada.coordinator.placement.NodeWatch.Watched;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One plan on its way to the nodes. The driver swaps its snapshot between the two halves.
///
/// @param epoch number of the placement
/// @param plan who holds what
/// @param nodes the nodes of the plan, by node id
/// @param modelDigest the checkpoint it is for
/// @param prepareTimeout the most loading may take
/// @param calls runs the calls to the nodes
record Rollout(long epoch, Plan plan, Map<String, Watched> nodes, String modelDigest, Duration prepareTimeout,
    ExecutorService calls) {
  private static final Logger LOG = LoggerFactory.getLogger(Rollout.class);
  private static final Duration ACTIVATE_TIMEOUT = Duration.ofSeconds(10);

  /// Has every node load its shards, all at the same time.
  ///
  /// @param refused called with each node that will not, and why
  /// @return whether all of them can compute
  boolean prepare(BiConsumer<Watched, String> refused) {
    Map<Watched, Future<?>> loads = new LinkedHashMap<>();
    plan.shardsOf().forEach(
        (nodeId, shards) -> loads.put(nodes.get(nodeId), calls.submit(() -> prepare(shards, nodes.get(nodeId)))));
    boolean ready = true;
    for (Map.Entry<Watched, Future<?>> load : loads.entrySet()) {
      try {
        Calls.await(load.getValue(), prepareTimeout);
      } catch (CallException e) {
        ready = false;
        if (e.kind() == CallException.Kind.REFUSED || e.kind() == CallException.Kind.OUT_OF_MEMORY) {
          refused.accept(load.getKey(), e.getMessage());
        } else {
          LOG.warn("epoch {} cannot be prepared at {}, planning again: {}", epoch, load.getKey().endpoint(),
              e.getMessage());
        }
      }
    }
    return ready;
  }

  private void prepare(List<ShardId> shards, Watched node) {
    try {
      node.control().prepare(epoch, modelDigest, shards, prepareTimeout);
    } catch (CallException e) {
      List<ShardId> kept = new ArrayList<>(shards);
      DescribedNode described = node.description().orElseThrow();
      kept.retainAll(described.held());
      if (e.kind() != CallException.Kind.OUT_OF_MEMORY || kept.size() == described.held().size()) {
        throw e;
      }
      // No room for old and new together: break before make, on this node alone. Its dispatches are repeated until
      // the new placement stands.
      LOG.info("expert node {} lets go of old shards before it loads new ones: {}", described.nodeId(), e.getMessage());
      node.control().activate(epoch, modelDigest, kept, ACTIVATE_TIMEOUT);
      node.control().prepare(epoch, modelDigest, shards, prepareTimeout);
    }
  }

  /// Tells every node that the placement is in use, so that it may let go of the rest.
  void activate() {
    Map<String, Future<?>> acts = new LinkedHashMap<>();
    plan.shardsOf().forEach((nodeId, shards) -> acts.put(nodeId,
        calls.submit(() -> nodes.get(nodeId).control().activate(epoch, modelDigest, shards, ACTIVATE_TIMEOUT))));
    acts.forEach((nodeId, act) -> {
      try {
        Calls.await(act, ACTIVATE_TIMEOUT);
      } catch (CallException e) {
        // It holds what it prepared, so it can serve; it only keeps more than it needs.
        LOG.warn("epoch {} is not activated at {}: {}", epoch, nodeId, e.getMessage());
      }
    });
  }
}
