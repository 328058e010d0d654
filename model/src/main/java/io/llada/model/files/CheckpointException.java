package io.llada.model.files;

/// A checkpoint cannot be used. The message is one line naming file and tensor, what was expected and what was found.
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final int LONGEST_MESSAGE = 2000;

  public CheckpointException(String message) {
    super(oneLine(message));
  }

  public CheckpointException(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  /// Names and values in a message come from the checkpoint: they may hold line breaks, or a megabyte of text.
  private static String oneLine(String message) {
    String shortened = message.length() <= LONGEST_MESSAGE ? message : message.substring(0, LONGEST_MESSAGE) + "...";
    return shortened.replaceAll("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]", "?");
  }
}
