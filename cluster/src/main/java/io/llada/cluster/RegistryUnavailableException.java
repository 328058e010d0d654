package io.llada.cluster;

/// The registry did not answer in time. Go on with what is known and ask again later.
public final class RegistryUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public RegistryUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
