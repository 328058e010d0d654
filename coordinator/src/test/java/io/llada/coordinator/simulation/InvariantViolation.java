package io.llada.coordinator.simulation;

/// Something happened that must never happen. An error, so that nothing in the product takes it for one of its own.
final class InvariantViolation extends Error {
  private static final long serialVersionUID = 1L;

  private final String invariant;

  /// @param invariant which one, by its short name
  InvariantViolation(String invariant, String message) {
    super(invariant + ": " + message);
    this.invariant = invariant;
  }

  String invariant() {
    return invariant;
  }
}
