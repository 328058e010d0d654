package io.llada.coordinator.dispatch;

import io.llada.proto.wire.Frame;
import java.time.Duration;

/// How a call to an expert node ended.
sealed interface Answer {
  /// A RESULT or ERROR frame came back.
  record Arrived(Frame frame) implements Answer {}

  /// No answer will come.
  ///
  /// @param reason what happened to the stream
  /// @param silentFor how long the node had been silent when that was noticed
  record Lost(String reason, Duration silentFor) implements Answer {}
}
