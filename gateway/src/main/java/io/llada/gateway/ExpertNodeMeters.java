package io.llada.gateway;

import io.llada.gateway.coordinator.CoordinatorPool;
import io.llada.gateway.coordinator.CoordinatorView;
import io.llada.gateway.coordinator.ExpertNodeView;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/** What coordinators say of their expert nodes, as gauges; nodes come and go, and their meters with them. */
final class ExpertNodeMeters {
  private static final double MICROS = 1e6;

  private final CoordinatorPool pool;
  private final MultiGauge nodes;
  private final MultiGauge loaded;
  private final List<Figure> figures;

  private record Figure(MultiGauge gauge, ToDoubleFunction<ExpertNodeView.Work> value) {}

  ExpertNodeMeters(CoordinatorPool pool, MeterRegistry registry) {
    this.pool = pool;
    nodes = MultiGauge.builder("llada.expert.node")
        .description("1 for each expert node, with what it computes on").register(registry);
    loaded = MultiGauge.builder("llada.expert.node.loaded.bytes")
        .description("weights it has loaded since it was started, by source").register(registry);
    figures = List.of(
        figure(registry, "round.trip.seconds", "mean round trip of a dispatch",
            work -> work.roundTripMicros() / MICROS),
        figure(registry, "slowest.round.trip.seconds", "slowest recent round trip",
            work -> work.slowestMicros() / MICROS),
        figure(registry, "queue.depth", "dispatches waiting in it", ExpertNodeView.Work::queueDepth),
        figure(registry, "pairs", "pairs computed over the present connection", ExpertNodeView.Work::pairs),
        figure(registry, "speed", "measured beside the other nodes", ExpertNodeView.Work::speed));
  }

  private static Figure figure(MeterRegistry registry, String name, String description,
      ToDoubleFunction<ExpertNodeView.Work> value) {
    return new Figure(MultiGauge.builder("llada.expert.node." + name).description(description).register(registry),
        value);
  }

  /** To be called after each poll; each coordinator is polled by a thread of its own. */
  synchronized void update() {
    nodes.register(rows((tags, node) -> Stream.of(MultiGauge.Row.of(tags.and("device", node.device(), "state",
        node.state(), "zone", node.zone()), 1))), true);
    loaded.register(rows((tags, node) -> node.weights().loadedBytes().entrySet().stream()
        .map(source -> MultiGauge.Row.of(tags.and("source", source.getKey()), source.getValue()))), true);
    figures.forEach(figure -> figure.gauge.register(rows((tags, node) -> Stream.of(MultiGauge.Row.of(tags,
        figure.value.applyAsDouble(node.work())))), true));
  }

  private interface Rows {
    Stream<MultiGauge.Row<?>> of(Tags tags, ExpertNodeView node);
  }

  private List<MultiGauge.Row<?>> rows(Rows rows) {
    return pool.views().stream().flatMap(view -> rows(view, rows)).toList();
  }

  private static Stream<MultiGauge.Row<?>> rows(CoordinatorView view, Rows rows) {
    return view.reachable().stream().flatMap(coordinator -> coordinator.status().expertNodes().stream())
        .flatMap(node -> rows.of(Tags.of("coordinator", view.name(), "node", node.id()), node));
  }
}
