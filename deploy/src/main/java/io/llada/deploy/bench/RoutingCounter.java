package io.llada.deploy.bench;

import io.llada.model.experts.Routing;
import io.llada.model.layer.LayerProbe;
import java.util.BitSet;
import java.util.concurrent.atomic.LongAdder;

/// Counts the experts that forward passes touch: what has to be read of the experts' weights.
final class RoutingCounter implements LayerProbe {
  private final LongAdder layers = new LongAdder();
  private final LongAdder touched = new LongAdder();

  @Override
  public void routed(int layer, Routing routing) {
    BitSet experts = new BitSet();
    for (int expert : routing.experts()) {
      experts.set(expert);
    }
    layers.increment();
    touched.add(experts.cardinality());
  }

  /// Distinct experts over all layers and forward passes.
  long touched() {
    return touched.sum();
  }

  /// MoE layers run, over all forward passes.
  long layers() {
    return layers.sum();
  }
}
