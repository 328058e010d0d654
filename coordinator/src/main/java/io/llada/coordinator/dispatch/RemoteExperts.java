package io.llada.coordinator.dispatch;

import io.llada.model.experts.Experts;
import io.llada.model.experts.MissingExperts;
import io.llada.model.experts.Omissions;
import io.llada.model.experts.Routing;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;

/// Experts on other machines: rows go to whoever owns their groups, partial sums come back and are added in a fixed
/// order, so that the bits are those of a computation in this process. Thread-safe.
public final class RemoteExperts implements Experts {
  private final DispatchContext context;
  private final AtomicReference<DispatchTimes> times = new AtomicReference<>(DispatchTimes.NONE);
  private final AtomicReference<PairSpread> spread = new AtomicReference<>(PairSpread.NONE);

  RemoteExperts(DispatchContext context) {
    this.context = context;
  }

  @Override
  public Pending dispatch(int layer, float[] rows, Routing routing) {
    return dispatch(layer, rows, routing, Omissions.none());
  }

  @Override
  public Pending dispatch(int layer, float[] rows, Routing routing, Omissions omissions) {
    List<LayerDispatch> parts = begin(layer, rows, routing, omissions);
    return out -> combine(parts, out, routing.tokens() * context.model().hiddenSize());
  }

  /// None of them under another placement than they were waited for: that deserves another wait.
  @Override
  public MissingExperts stillMissing(MissingExperts experts) {
    if (experts.epoch() != context.placement().get().epoch()) {
      return MissingExperts.NONE;
    }
    return new MissingExperts(experts.epoch(), experts.shards().stream()
        .filter(shard -> ReplicaChoice.usable(context, shard.layer(), shard.group()).isEmpty())
        .collect(Collectors.toSet()));
  }

  /// Sends a layer's rows without waiting for anything: what [#dispatch] waits for, its parts in the order of the rows.
  ///
  /// @param rows `(tokens, hiddenSize)`; free again on return
  /// @param omissions groups that may be left out, and that were
  List<LayerDispatch> begin(int layer, float[] rows, Routing routing, Omissions omissions) {
    context.counts().routed().count(layer, routing);
    List<LayerDispatch> parts = new ArrayList<>();
    int most = context.settings().maxTokensPerFrame();
    for (int from = 0; from < routing.tokens(); from += most) {
      int to = Math.min(routing.tokens(), from + most);
      LayerDispatch part = new LayerDispatch(layer, context);
      part.begin(RoutedRows.of(rows, routing, from, to, context.model().moe()), omissions);
      parts.add(part);
    }
    Map<String, Integer> pairs = new HashMap<>();
    parts.forEach(part -> part.pairsOfNodes().forEach((node, count) -> pairs.merge(node, count, Integer::sum)));
    spread.accumulateAndGet(PairSpread.ofLayer(pairs.values()), PairSpread::plus);
    return parts;
  }

  /// All layers so far.
  DispatchTimes times() {
    return times.get();
  }

  /// How evenly they were divided.
  PairSpread spread() {
    return spread.get();
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
