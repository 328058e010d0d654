package io.llada.proto.wire;

import io.grpc.MethodDescriptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.util.function.Function;

/// The gRPC method that carries frames: `llada.internal.v1.ExpertData/Dispatch`, a stream in both directions.
public final class ExpertDataMethods {
  /// Full name of the service.
  public static final String SERVICE = "llada.internal.v1.ExpertData";

  private ExpertDataMethods() {}

  /// The method as one peer sees it.
  ///
  /// @param maxPayloadBytes the most payload this peer accepts in a frame
  public static MethodDescriptor<Frame, Frame> dispatch(int maxPayloadBytes) {
    FrameMarshaller frames = new FrameMarshaller(maxPayloadBytes);
    return MethodDescriptor.<Frame, Frame>newBuilder().setType(MethodDescriptor.MethodType.BIDI_STREAMING)
        .setFullMethodName(MethodDescriptor.generateFullMethodName(SERVICE, "Dispatch")).setRequestMarshaller(frames)
        .setResponseMarshaller(frames).setSampledToLocalTracing(false).build();
  }

  /// Binds the node's side.
  ///
  /// @param accept called for every new stream with the way out, answers with the way in
  public static ServerServiceDefinition bind(int maxPayloadBytes,
      Function<StreamObserver<Frame>, StreamObserver<Frame>> accept) {
    return ServerServiceDefinition.builder(SERVICE)
        .addMethod(dispatch(maxPayloadBytes), ServerCalls.asyncBidiStreamingCall(accept::apply)).build();
  }
}
