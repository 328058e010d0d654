package io.llada.model.experts;

/// A layer's experts could not be computed. The computation is pure: repeating it later is safe.
public final class ExpertsUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// @param message names layer, groups, the nodes concerned and what to do
  public ExpertsUnavailableException(String message) {
    super(message);
  }

  public ExpertsUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
