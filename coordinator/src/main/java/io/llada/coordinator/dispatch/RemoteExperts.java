package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.Placement;
import io.llada.model.experts.Experts;
import io.llada.model.experts.Routing;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;

/// Experts on other machines: rows go to whoever owns their groups, partial sums come back and are added in a fixed
/// order, so that the bits are those of a computation in this process. Thread-safe.
public final class RemoteExperts implements Experts {
  private final ExpertModel model;
  private final DispatchSettings settings;
  private final Supplier<Placement> placement;
  private final Function<String, Optional<ExpertConnection>> connections;
  private final AtomicReference<DispatchTimes> times = new AtomicReference<>(DispatchTimes.NONE);

  /// @param placement the snapshot to dispatch by, asked anew for every layer and retry
  /// @param connections connection to a node id
  RemoteExperts(ExpertModel model, DispatchSettings settings, Supplier<Placement> placement,
      Function<String, Optional<ExpertConnection>> connections) {
    this.model = model;
    this.settings = settings;
    this.placement = placement;
    this.connections = connections;
  }

  @Override
  public Pending dispatch(int layer, float[] rows, Routing routing) {
    List<LayerDispatch> parts = new ArrayList<>();
    for (int from = 0; from < routing.tokens(); from += settings.maxTokensPerFrame()) {
      int to = Math.min(routing.tokens(), from + settings.maxTokensPerFrame());
      LayerDispatch part = new LayerDispatch(layer, model, settings, placement, connections);
      part.begin(RoutedRows.of(rows, routing, from, to, model.moe()));
      parts.add(part);
    }
    return out -> combine(parts, out, routing.tokens() * model.hiddenSize());
  }

  /// All layers so far.
  DispatchTimes times() {
    return times.get();
  }

  private void combine(List<LayerDispatch> parts, float[] out, int size) {
    float[] combined = new float[size];
    for (LayerDispatch part : parts) {
      try {
        part.await();
      } catch (RuntimeException e) {
        parts.forEach(LayerDispatch::cancel);
        throw e;
      }
      times.accumulateAndGet(part.times(), DispatchTimes::plus);
      part.addTo(combined);
    }
    for (int i = 0; i < size; i++) {
      out[i] += combined[i];
    }
  }
}
