package io.llada.gateway.coordinator;

import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import io.llada.proto.internal.v1.DenoisingGrpc;
import io.llada.proto.internal.v1.DescribeRequest;
import io.llada.proto.internal.v1.ExpertsUnavailable;
import io.llada.proto.internal.v1.StatusRequest;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * A coordinator reached by gRPC over plain HTTP/2. Calls are never repeated here: {@link CoordinatorPool} is the one
 * place that tries again.
 */
public final class GrpcCoordinatorClient implements CoordinatorClient {
  private static final Metadata.Key<ExpertsUnavailable> EXPERTS_UNAVAILABLE = ProtoUtils.keyForProto(ExpertsUnavailable
      .getDefaultInstance());
  private static final Duration CONTROL_TIMEOUT = Duration.ofSeconds(2);
  // The pool asks for the status every second on this connection, so these pings never come to a quiet server.
  private static final Duration KEEP_ALIVE = Duration.ofSeconds(20);
  private static final Duration KEEP_ALIVE_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);

  private final Endpoint endpoint;
  private final ManagedChannel channel;

  public GrpcCoordinatorClient(Endpoint endpoint) {
    this.endpoint = endpoint;
    this.channel = NettyChannelBuilder.forAddress(endpoint.host(), endpoint.port())
        .usePlaintext()
        .disableRetry()
        .keepAliveTime(KEEP_ALIVE.toMillis(), TimeUnit.MILLISECONDS)
        .keepAliveTimeout(KEEP_ALIVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
        .build();
  }

  @Override
  public String name() {
    return endpoint.toString();
  }

  @Override
  public DenoisingStream denoise(DenoisingRequest request) {
    GrpcDenoisingStream stream = new GrpcDenoisingStream(this::failure);
    DenoisingGrpc.newStub(channel)
        .withDeadlineAfter(request.timeout().toMillis(), TimeUnit.MILLISECONDS)
        .denoise(CoordinatorMessages.write(request), stream.observer());
    return stream;
  }

  @Override
  public ServedModel describe() {
    return control(stub -> CoordinatorMessages.read(stub.describe(DescribeRequest.getDefaultInstance())));
  }

  @Override
  public CoordinatorStatus status() {
    return control(stub -> CoordinatorMessages.read(stub.status(StatusRequest.getDefaultInstance())));
  }

  private <T> T control(Function<DenoisingGrpc.DenoisingBlockingStub, T> call) {
    if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
      channel.resetConnectBackoff(); // whoever asks now should not wait for gRPC's next attempt, up to two minutes off
    }
    try {
      return call.apply(DenoisingGrpc.newBlockingStub(channel)
          .withDeadlineAfter(CONTROL_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS));
    } catch (StatusRuntimeException e) {
      GatewayException failure = failure(e);
      // For a control call, a coordinator that does not answer in time is one that is not there.
      throw failure.reason() == Reason.DEADLINE_EXCEEDED
          ? new GatewayException(Reason.UNAVAILABLE, failure.getMessage(), e)
          : failure;
    } catch (IllegalArgumentException e) {
      throw new GatewayException(Reason.INTERNAL,
          "coordinator " + endpoint + " describes itself wrongly: " + e.getMessage(), e);
    }
  }

  private GatewayException failure(StatusRuntimeException e) {
    Status status = e.getStatus();
    Reason reason = switch (status.getCode()) {
      case INVALID_ARGUMENT, OUT_OF_RANGE -> Reason.INVALID;
      case NOT_FOUND -> Reason.NOT_FOUND;
      case RESOURCE_EXHAUSTED -> Reason.OVERLOADED;
      case UNAVAILABLE -> isForExperts(e) ? Reason.EXPERTS_UNAVAILABLE : Reason.UNAVAILABLE;
      case DEADLINE_EXCEEDED -> Reason.DEADLINE_EXCEEDED;
      case CANCELLED -> Reason.CANCELLED;
      default -> Reason.INTERNAL;
    };
    String description = status.getDescription() == null ? status.getCode().toString() : status.getDescription();
    return new GatewayException(reason, switch (reason) {
      case INVALID, NOT_FOUND, OVERLOADED -> description; // the coordinator speaks to the caller
      case DEADLINE_EXCEEDED -> "the answer took longer than its deadline allows";
      default -> "coordinator " + endpoint + ": " + description;
    }, e);
  }

  /** Whether the coordinator is there and has waited for experts in vain: it says so in the trailers. */
  private static boolean isForExperts(StatusRuntimeException e) {
    return e.getTrailers() != null && e.getTrailers().containsKey(EXPERTS_UNAVAILABLE);
  }

  @Override
  public void close() {
    channel.shutdownNow();
    try {
      channel.awaitTermination(CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
