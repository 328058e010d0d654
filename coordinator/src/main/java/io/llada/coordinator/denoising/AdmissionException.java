package io.llada.coordinator.denoising;

/// The request is well-formed but there is no room for it now.
public final class AdmissionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public AdmissionException(String message) {
    super(message);
  }
}
