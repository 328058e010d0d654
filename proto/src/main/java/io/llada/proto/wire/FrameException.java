package io.llada.proto.wire;

/// Bytes from a peer that break the frame contract, with the error to answer them.
public final class FrameException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient FrameError error;

  public FrameException(FrameError error) {
    super(error.code() + ": " + error.message());
    this.error = error;
  }

  public FrameError error() {
    return error;
  }

  static FrameException badRequest(String format, Object... values) {
    return new FrameException(FrameError.of(FrameError.Code.BAD_REQUEST, format.formatted(values)));
  }
}
