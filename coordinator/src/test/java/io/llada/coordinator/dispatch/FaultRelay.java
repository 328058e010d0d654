package io.llada.coordinator.dispatch;

import io.grpc.CallOptions;
import io.grpc.HandlerRegistry;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerMethodDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicInteger;

/// Stands between a coordinator and a node, passes every gRPC message on as bytes, and spoils some of them.
final class FaultRelay implements AutoCloseable {
  static final int DISPATCH = 3;
  static final int RESULT = 4;

  private static final int MAX_MESSAGE = 64 << 20;
  private static final int MAGIC_FIRST = 'L';
  private static final int KIND_OFFSET = 6;
  private static final int HEADER_BYTES = 64;

  private final ManagedChannel node;
  private final Server server;
  private final AtomicInteger toSpoil = new AtomicInteger();
  private volatile int spoiledKind;
  private volatile boolean mute;

  FaultRelay(String endpoint) {
    node = NettyChannelBuilder.forTarget("dns:///" + endpoint, InsecureChannelCredentials.create()).directExecutor()
        .maxInboundMessageSize(MAX_MESSAGE).build();
    server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0), InsecureServerCredentials.create())
        .directExecutor().maxInboundMessageSize(MAX_MESSAGE).fallbackHandlerRegistry(new AnyMethod()).build();
    try {
      server.start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String endpoint() {
    return "127.0.0.1:" + server.getPort();
  }

  /// Changes one payload bit in each of the next `count` frames of a kind.
  void spoil(int kind, int count) {
    spoiledKind = kind;
    toSpoil.set(count);
  }

  int leftToSpoil() {
    return toSpoil.get();
  }

  /// Swallows everything, as a frozen machine does.
  void mute() {
    mute = true;
  }

  /// Passes everything on again. What was swallowed is lost.
  void speak() {
    mute = false;
  }

  private void pass(byte[] message, StreamObserver<byte[]> to) {
    if (mute) {
      return;
    }
    boolean isFrame = message.length > HEADER_BYTES && message[0] == MAGIC_FIRST && message[1] == MAGIC_FIRST;
    if (isFrame && message[KIND_OFFSET] == spoiledKind && toSpoil.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      message[message.length - 1] ^= 1;
    }
    to.onNext(message);
  }

  @Override
  public void close() {
    server.shutdownNow();
    node.shutdownNow();
  }

  private final class AnyMethod extends HandlerRegistry {
    @Override
    public ServerMethodDefinition<?, ?> lookupMethod(String name, String authority) {
      MethodDescriptor<byte[], byte[]> method = MethodDescriptor.<byte[], byte[]>newBuilder()
          .setType(MethodDescriptor.MethodType.BIDI_STREAMING).setFullMethodName(name).setRequestMarshaller(new Bytes())
          .setResponseMarshaller(new Bytes()).build();
      return ServerMethodDefinition.create(method, ServerCalls.asyncBidiStreamingCall(
          back -> new Pipe(ClientCalls.asyncBidiStreamingCall(node.newCall(method, CallOptions.DEFAULT),
              new Pipe(back, false)), true)));
    }
  }

  private final class Pipe implements StreamObserver<byte[]> {
    private final StreamObserver<byte[]> to;
    // What the caller gives up is given up at the node too, or its streams would pile up.
    private final boolean endsWhenMute;

    Pipe(StreamObserver<byte[]> to, boolean endsWhenMute) {
      this.to = to;
      this.endsWhenMute = endsWhenMute;
    }

    @Override
    public void onNext(byte[] message) {
      pass(message, to);
    }

    @Override
    public void onError(Throwable failure) {
      if (endsWhenMute || !mute) {
        to.onError(failure);
      }
    }

    @Override
    public void onCompleted() {
      if (endsWhenMute || !mute) {
        to.onCompleted();
      }
    }
  }

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
