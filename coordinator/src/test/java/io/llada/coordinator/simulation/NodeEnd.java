package io.llada.coordinator.simulation;

import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.FrameMarshaller;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;

/// A stream as the node sees it: what gRPC would hand to the real node.
final class NodeEnd extends ServerCallStreamObserver<Frame> {
  private static final int MAX_PAYLOAD = 1 << 20;

  private final WayBack back;
  private Optional<StreamObserver<Frame>> in = Optional.empty();
  private Runnable onCancel = () -> {};
  private boolean isCancelled;
  private boolean isOver;
  private boolean hasGreeted;

  /// The connection to the coordinator.
  interface WayBack {
    void answer(Frame frame);

    /// The node closes the stream.
    void end(String reason);

    /// Whether a frame would be sent rather than kept.
    boolean canAnswer();
  }

  NodeEnd(WayBack back) {
    this.back = back;
  }

  void begin(StreamObserver<Frame> node) {
    in = Optional.of(node);
  }

  /// Whether the node has greeted and the stream is open.
  boolean isGreeted() {
    return hasGreeted && !isCancelled && !isOver;
  }

  void receive(Frame frame) {
    if (!isCancelled) {
      in.orElseThrow().onNext(frame);
    }
  }

  void cancelled() {
    if (!isCancelled && !isOver) {
      isCancelled = true;
      onCancel.run();
    }
  }

  @Override
  public void onNext(Frame frame) {
    if (!isCancelled) {
      hasGreeted |= frame.header().kind() == FrameKind.HELLO_ACK;
      back.answer(frame);
    }
  }

  @Override
  public void onError(Throwable problem) {
    isOver = true;
    back.end(problem.toString());
  }

  @Override
  public void onCompleted() {
    isOver = true;
    back.end("the node closed the stream");
  }

  @Override
  public boolean isReady() {
    return !isCancelled && back.canAnswer();
  }

  @Override
  public boolean isCancelled() {
    return isCancelled;
  }

  @Override
  public void setOnCancelHandler(Runnable handler) {
    onCancel = handler;
  }

  @Override
  public void setCompression(String compression) {}

  @Override
  public void disableAutoInboundFlowControl() {}

  @Override
  public void setOnReadyHandler(Runnable handler) {}

  @Override
  public void request(int count) {}

  @Override
  public void setMessageCompression(boolean isEnabled) {}

  /// The same frame with one bit of its payload changed on the way.
  static Frame corrupted(Frame frame) {
    FrameMarshaller marshaller = new FrameMarshaller(MAX_PAYLOAD);
    try {
      byte[] bytes = marshaller.stream(frame).readAllBytes();
      bytes[bytes.length - 1] ^= 1;
      return marshaller.parse(new ByteArrayInputStream(bytes));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
