package io.llada.coordinator.dispatch;

import io.llada.proto.wire.FrameError;
import io.llada.proto.wire.FrameError.Code;
import java.time.Duration;

/// Why an attempt brought nothing.
///
/// @param reason for the message
/// @param silentFor how long the node had been silent already
/// @param retryAfter how long the node asks to be left alone
/// @param bound what bounds its repetition
record Trouble(String reason, Duration silentFor, Duration retryAfter, Bound bound) {
  /// How long something is repeated.
  enum Bound {
    /// It was tried and failed.
    ATTEMPTS,
    /// The node does not hold the shard; it or another may load it, which takes its time.
    PATIENCE,
    /// The node is full and has not tried.
    BUDGET;

    private static Bound of(Code code) {
      return switch (code) {
        case BUSY -> BUDGET;
        case NOT_OWNER -> PATIENCE;
        default -> ATTEMPTS;
      };
    }
  }

  static Trouble of(String reason) {
    return new Trouble(reason, Duration.ZERO, Duration.ZERO, Bound.ATTEMPTS);
  }

  static Trouble of(FrameError error) {
    return new Trouble(error.code() + " " + error.message(), Duration.ZERO, error.retryAfter(), Bound.of(error.code()));
  }

  static Trouble of(Answer.Lost lost) {
    return new Trouble(lost.reason(), lost.silentFor(), Duration.ZERO, Bound.ATTEMPTS);
  }
}
