package io.llada.gateway;

import io.llada.gateway.coordinator.CoordinatorPool;
import io.llada.gateway.coordinator.CoordinatorStatus;
import io.llada.gateway.coordinator.CoordinatorView;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.function.ToDoubleFunction;

/** What the coordinators say of themselves, as gauges; NaN while one cannot be reached. */
final class CoordinatorMeters {
  private CoordinatorMeters() {}

  /** @return to be run after each poll: expert nodes come and go, and their meters with them */
  static Runnable register(CoordinatorPool pool, MeterRegistry registry) {
    Gauge.builder("llada.ready", pool, p -> p.readiness().isReady() ? 1 : 0).register(registry);
    FunctionCounter.builder("llada.attempts", pool, p -> p.counts().attempts())
        .description("answers given to a coordinator, again ones included").register(registry);
    FunctionCounter.builder("llada.resumptions", pool, p -> p.counts().resumptions())
        .description("answers that went on behind their committed blocks after a coordinator was lost")
        .register(registry);
    int count = pool.views().size();
    for (int i = 0; i < count; i++) {
      register(pool, i, registry);
    }
    return new ExpertNodeMeters(pool, registry)::update;
  }

  private static void register(CoordinatorPool pool, int index, MeterRegistry registry) {
    String name = pool.views().get(index).name();
    Gauge.builder("llada.coordinator.reachable", pool, p -> p.views().get(index).reachable().isPresent() ? 1 : 0)
        .tag("coordinator", name).register(registry);
    gauge(pool, index, registry, "running.sequences", CoordinatorStatus::runningSequences);
    gauge(pool, index, registry, "queued.sequences", CoordinatorStatus::queuedSequences);
    gauge(pool, index, registry, "shards.covered", status -> status.isEveryShardCovered() ? 1 : 0);
    gauge(pool, index, registry, "expert.nodes", status -> status.expertNodes().size());
    gauge(pool, index, registry, "expert.nodes.suspect",
        status -> status.expertNodes().stream().filter(node -> node.state().equals("suspect")).count());
    gauge(pool, index, registry, "shards.under.replicated", status -> status.underReplicated().size());
    gauge(pool, index, registry, "hedges", status -> status.counts().hedges());
    gauge(pool, index, registry, "failovers", status -> status.counts().failovers());
    gauge(pool, index, registry, "plans.made", status -> status.counts().plansMade());
    gauge(pool, index, registry, "plans.taken.up", status -> status.counts().plansTakenUp());
    gauge(pool, index, registry, "imbalance", status -> status.counts().imbalance());
    gauge(pool, index, registry, "placement.epoch", CoordinatorStatus::placementEpoch);
    gauge(pool, index, registry, "forwards", CoordinatorStatus::forwards);
    gauge(pool, index, registry, "tokens.committed", CoordinatorStatus::tokensCommitted);
    gauge(pool, index, registry, "last.forward.age.seconds",
        status -> status.lastForwardAge().map(Duration::toMillis).map(millis -> millis / 1000.0).orElse(Double.NaN));
  }

  private static void gauge(CoordinatorPool pool, int index, MeterRegistry registry, String name,
      ToDoubleFunction<CoordinatorStatus> value) {
    Gauge.builder("llada.coordinator." + name, pool, p -> p.views().get(index).reachable()
        .map(CoordinatorView.Reachable::status).map(value::applyAsDouble).orElse(Double.NaN))
        .tag("coordinator", pool.views().get(index).name()).register(registry);
  }
}
