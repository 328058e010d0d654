package io.llada.model.packed;

/// What a weight is for. It decides how a packed checkpoint lays it out and which number formats it may have.
public enum WeightRole {
  /// One row per token, read in place.
  EMBEDDING(Layout.ROWS),
  /// Norms and biases.
  VECTOR(Layout.ROWS),
  /// Attention projections, dense feed-forward layers, shared experts.
  DENSE(Layout.PANELS),
  /// Scores of the experts: a lower precision flips choices near ties.
  ROUTER(Layout.PANELS),
  /// Routed experts.
  EXPERT(Layout.PANELS),
  /// The LM head.
  HEAD(Layout.PANELS);

  private final Layout layout;

  WeightRole(Layout layout) {
    this.layout = layout;
  }

  public Layout layout() {
    return layout;
  }
}
