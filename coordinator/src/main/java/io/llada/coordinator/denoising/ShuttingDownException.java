package io.llada.coordinator.denoising;

/// This coordinator ends; another, or this one when it is back, can go on.
public final class ShuttingDownException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ShuttingDownException() {
    super("the coordinator is shutting down");
  }
}
