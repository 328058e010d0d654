package io.llada.model.kernel;

/// Kernels that were asked for cannot run on this machine; the message says why and what to do.
public final class KernelsUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  KernelsUnavailableException(String message) {
    super(message);
  }

  KernelsUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
