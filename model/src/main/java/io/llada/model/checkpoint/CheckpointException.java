package io.llada.model.checkpoint;

/// A checkpoint cannot be used. The message is one line naming file and tensor, what was expected and what was found.
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CheckpointException(String message) {
    super(message);
  }

  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
