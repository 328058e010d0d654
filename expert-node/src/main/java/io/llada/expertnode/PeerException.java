package io.llada.expertnode;

/// Another node does not answer, or will not give what it was asked for now. Later it may.
final class PeerException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  PeerException(String message, Throwable cause) {
    super(message, cause);
  }
}
