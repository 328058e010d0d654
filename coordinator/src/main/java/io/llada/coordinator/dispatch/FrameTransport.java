package io.llada.coordinator.dispatch;

import io.llada.proto.wire.Frame;

/// The way to one node, on a connection of its own: a network to [ExpertStream]. Thread-safe.
public interface FrameTransport extends AutoCloseable {
  /// Makes ways to nodes.
  @FunctionalInterface
  interface Factory {
    /// @param endpoint `host:port` of the node; nothing is opened yet
    FrameTransport to(String endpoint);
  }

  /// What comes from the node. Calls do not overlap; they may come from any thread, even before [#open] returns.
  interface Incoming {
    /// More can be sent.
    void ready();

    void received(Frame frame);

    /// The stream ended; nothing more comes.
    ///
    /// @param reason for logs and errors
    void broken(String reason);
  }

  /// What goes to the node.
  interface Outgoing {
    /// Whether a frame would be sent rather than kept.
    boolean isReady();

    /// Sends a frame; on a stream that has ended it is lost.
    void send(Frame frame);

    /// Gives the stream up.
    void cancel(String reason);
  }

  /// Opens a stream and returns at once; an earlier one has ended.
  Outgoing open(Incoming incoming);

  @Override
  void close();
}
