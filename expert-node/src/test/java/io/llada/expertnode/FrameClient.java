package io.llada.expertnode;

import io.grpc.CallOptions;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import io.llada.proto.wire.ExpertDataMethods;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.FrameMarshaller;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// A client that sends any bytes as frames.
final class FrameClient implements AutoCloseable {
  private static final int MAX_PAYLOAD = 1 << 20;
  private static final long PATIENCE_SECONDS = 10;

  private final ManagedChannel channel;
  private final StreamObserver<byte[]> out;
  private final BlockingQueue<Frame> received = new LinkedBlockingQueue<>();
  private final CompletableFuture<Status> end = new CompletableFuture<>();

  FrameClient(String endpoint) {
    channel = NettyChannelBuilder.forTarget("dns:///" + endpoint, InsecureChannelCredentials.create()).build();
    MethodDescriptor<byte[], Frame> method = MethodDescriptor.<byte[], Frame>newBuilder()
        .setType(MethodDescriptor.MethodType.BIDI_STREAMING)
        .setFullMethodName(ExpertDataMethods.SERVICE + "/Dispatch").setRequestMarshaller(new Bytes())
        .setResponseMarshaller(new FrameMarshaller(MAX_PAYLOAD)).build();
    out = ClientCalls.asyncBidiStreamingCall(channel.newCall(method, CallOptions.DEFAULT), new StreamObserver<>() {
      @Override
      public void onNext(Frame frame) {
        received.add(frame);
      }

      @Override
      public void onError(Throwable failure) {
        end.complete(Status.fromThrowable(failure));
      }

      @Override
      public void onCompleted() {
        end.complete(Status.OK);
      }
    });
  }

  void send(Frame frame) {
    send(bytes(frame));
  }

  void send(byte[] bytes) {
    out.onNext(bytes);
  }

  static byte[] bytes(Frame frame) {
    try (InputStream stream = new FrameMarshaller(0).stream(frame)) {
      return stream.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The next frame that is no ping.
  Frame next() throws InterruptedException {
    Frame frame = nextOfAll();
    while (frame.header().kind() == FrameKind.PING) {
      frame = nextOfAll();
    }
    return frame;
  }

  Frame nextOfAll() throws InterruptedException {
    Frame frame = received.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (frame == null) {
      throw new AssertionError("no frame within %d s".formatted(PATIENCE_SECONDS));
    }
    return frame;
  }

  Status end() throws Exception {
    return end.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      throw new UnsupportedOperationException("a client only sends them");
    }
  }
}
