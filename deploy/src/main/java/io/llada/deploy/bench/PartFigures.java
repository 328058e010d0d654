package io.llada.deploy.bench;

/// One figure (bytes, operations) of each part of a forward pass that computes.
///
/// @param dense projections, norms, dense layers, shared expert
public record PartFigures(double attention, double router, double experts, double dense, double head) {
  static final PartFigures NONE = new PartFigures(0, 0, 0, 0, 0);

  PartFigures plus(PartFigures other) {
    return new PartFigures(attention + other.attention, router + other.router, experts + other.experts, dense
        + other.dense, head + other.head);
  }

  PartFigures times(double factor) {
    return new PartFigures(attention * factor, router * factor, experts * factor, dense * factor, head * factor);
  }

  /// Of all parts.
  public double sum() {
    return attention + router + experts + dense + head;
  }
}
