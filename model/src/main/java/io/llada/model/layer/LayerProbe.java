package io.llada.model.layer;

import io.llada.model.experts.Routing;

/// Watches a forward pass from inside: for golden tests, routing statistics and benchmarks.
public interface LayerProbe {
  /// Sees nothing.
  LayerProbe NONE = new LayerProbe() {};

  /// What a forward pass can be at work on.
  enum Part {
    /// Embedding, norms, projections, dense layers, the shared expert.
    DENSE,
    /// Head norms, rotation and everything between the projections.
    ATTENTION,
    /// Scores and choice of experts.
    ROUTER,
    /// Handing rows to the routed experts.
    DISPATCH,
    /// Waiting for the routed experts and adding their rows; where they live in this process, computing them.
    COMBINE,
    /// LM head and sampling.
    HEAD,
    /// Between two forward passes.
    OUTSIDE
  }

  /// A forward pass begins.
  default void began(ForwardBatch batch) {}

  /// From here to the next call, the thread of the forward pass works on `part`.
  default void workingOn(Part part) {}

  /// The router's choice in an MoE layer.
  default void routed(int layer, Routing routing) {}

  /// The residual stream after a layer.
  ///
  /// @param hidden `(rows, hiddenSize)`, may be longer; must not be changed or kept
  default void finished(int layer, float[] hidden) {}
}
