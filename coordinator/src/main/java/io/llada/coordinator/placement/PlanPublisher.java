package io.llada.coordinator.placement;

import io.llada.cluster.HeldShard;
import io.llada.cluster.PlacementRecord;
import io.llada.cluster.Registry;
import io.llada.cluster.RegistryUnavailableException;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells the registry which plan is active, once. Nothing depends on it: who looks at the registry sees what the nodes do.
/// For one thread at a time.
final class PlanPublisher {
  private static final Logger LOG = LoggerFactory.getLogger(PlanPublisher.class);

  private final Surroundings around;
  private PlanId published = PlanId.NONE;

  PlanPublisher(Surroundings around) {
    this.around = around;
  }

  void publish(Target active) {
    if (!active.id().equals(published)) {
      published = active.id();
      around.registry().ifPresent(shared -> around.background().execute(() -> publish(shared, active)));
    }
  }

  private static void publish(Registry shared, Target active) {
    try {
      shared.publish(new PlacementRecord(active.id().epoch(), active.id().plannerId(),
          new TreeMap<>(active.owners()).entrySet().stream()
              .map(entry -> new PlacementRecord.Assignment(
                  new HeldShard(entry.getKey().layer(), entry.getKey().group()), entry.getValue()))
              .toList()));
    } catch (RegistryUnavailableException e) {
      LOG.info("event=plan_not_published epoch={} planner={} reason=\"{}\"", active.id().epoch(),
          active.id().plannerId(), e.getMessage());
    }
  }
}
