package io.llada.model.layer;

import io.llada.model.experts.Routing;

/// Watches a forward pass from inside: for golden tests, routing statistics and benchmarks.
public interface LayerProbe {
  /// Sees nothing.
  LayerProbe NONE = new LayerProbe() {};

  /// The router's choice in an MoE layer.
  default void routed(int layer, Routing routing) {}

  /// The residual stream after a layer.
  ///
  /// @param hidden `(rows, hiddenSize)`; must not be changed or kept
  default void finished(int layer, float[] hidden) {}
}
