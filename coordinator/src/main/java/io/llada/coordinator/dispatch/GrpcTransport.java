package io.llada.coordinator.dispatch;

import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ClientResponseObserver;
import io.llada.proto.wire.ExpertDataMethods;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameHeader;
import io.llada.proto.wire.LoopbackTcp;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/// Frames over gRPC, on a channel of their own.
final class GrpcTransport implements FrameTransport {
  private static final int FLOW_CONTROL_WINDOW = 8 << 20;
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(5);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(2);

  private final ManagedChannel channel;
  private final int maxPayloadBytes;

  /// @param maxPayloadBytes the largest frame a well-behaved node sends
  GrpcTransport(String endpoint, int maxPayloadBytes, ChannelCredentials credentials) {
    this.maxPayloadBytes = maxPayloadBytes;
    NettyChannelBuilder builder = NettyChannelBuilder.forTarget("dns:///" + endpoint, credentials);
    channel = LoopbackTcp.prepare(builder, endpoint).directExecutor().disableRetry()
        .flowControlWindow(FLOW_CONTROL_WINDOW).maxInboundMessageSize(maxPayloadBytes + FrameHeader.BYTES)
        .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).keepAliveWithoutCalls(true).build();
  }

  @Override
  public Outgoing open(Incoming incoming) {
    // gRPC has a pause of its own after a refused connection, and it is longer.
    channel.resetConnectBackoff();
    Responses responses = new Responses(incoming);
    ClientCalls.asyncBidiStreamingCall(
        channel.newCall(ExpertDataMethods.dispatch(maxPayloadBytes), CallOptions.DEFAULT), responses);
    return new Requests(responses.out);
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }

  private record Requests(ClientCallStreamObserver<Frame> out) implements Outgoing {
    @Override
    public boolean isReady() {
      return out.isReady();
    }

    @Override
    public void send(Frame frame) {
      out.onNext(frame);
    }

    @Override
    public void cancel(String reason) {
      out.cancel(reason, null);
    }
  }

  private static final class Responses implements ClientResponseObserver<Frame, Frame> {
    private final Incoming incoming;
    private ClientCallStreamObserver<Frame> out;

    Responses(Incoming incoming) {
      this.incoming = incoming;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<Frame> requests) {
      out = requests;
      requests.setOnReadyHandler(incoming::ready);
    }

    @Override
    public void onNext(Frame frame) {
      incoming.received(frame);
    }

    @Override
    public void onError(Throwable problem) {
      Status status = Status.fromThrowable(problem);
      incoming.broken(status.getDescription() == null
          ? status.getCode().toString()
          : status.getCode() + " " + status.getDescription());
    }

    @Override
    public void onCompleted() {
      incoming.broken("the node closed the stream");
    }
  }
}
