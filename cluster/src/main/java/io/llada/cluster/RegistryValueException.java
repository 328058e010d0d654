package io.llada.cluster;

/// A value in the registry that is not what its key promises. Readers skip it; somebody else wrote it.
public final class RegistryValueException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  RegistryValueException(String message, Throwable cause) {
    super(message, cause);
  }
}
