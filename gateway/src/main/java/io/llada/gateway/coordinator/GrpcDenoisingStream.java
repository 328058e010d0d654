package io.llada.gateway.coordinator;

import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseRequest;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Events of one gRPC call. At most {@link #WINDOW} events wait here; gRPC's own flow control holds back the rest, down
 * to the coordinator.
 */
final class GrpcDenoisingStream implements DenoisingStream {
  /** Events on their way or waiting. Enough to hide one round trip. */
  static final int WINDOW = 8;

  private sealed interface Signal {
    record Event(DenoiseEvent event) implements Signal {}

    record End(Status status) implements Signal {}
  }

  private final Function<Status, GatewayException> failure;
  // Unbounded by type, bounded by what was requested: WINDOW events and one end.
  private final BlockingQueue<Signal> signals = new LinkedBlockingQueue<>();
  private volatile ClientCallStreamObserver<DenoiseRequest> call;
  private volatile boolean isFinished;
  private volatile boolean isClosed;

  GrpcDenoisingStream(Function<Status, GatewayException> failure) {
    this.failure = failure;
  }

  ClientResponseObserver<DenoiseRequest, DenoiseEvent> observer() {
    return new ClientResponseObserver<>() {
      @Override
      public void beforeStart(ClientCallStreamObserver<DenoiseRequest> stream) {
        call = stream;
        stream.disableAutoRequestWithInitial(WINDOW);
      }

      @Override
      public void onNext(DenoiseEvent event) {
        signals.add(new Signal.Event(event));
      }

      @Override
      public void onError(Throwable error) {
        signals.add(new Signal.End(Status.fromThrowable(error)));
      }

      @Override
      public void onCompleted() {
        signals.add(new Signal.End(Status.OK));
      }
    };
  }

  @Override
  public Optional<DenoisingEvent> next(Duration wait) {
    Signal signal;
    try {
      signal = signals.poll(wait.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      close();
      Thread.currentThread().interrupt();
      throw new GatewayException(Reason.CANCELLED, "interrupted", e);
    }
    return switch (signal) {
      case null -> Optional.empty();
      case Signal.Event event -> Optional.of(take(event.event()));
      case Signal.End end -> throw ended(end);
    };
  }

  private DenoisingEvent take(DenoiseEvent event) {
    call.request(1);
    DenoisingEvent read = CoordinatorMessages.read(event);
    isFinished |= read instanceof DenoisingEvent.Finished;
    return read;
  }

  private GatewayException ended(Signal.End end) {
    signals.add(end); // whoever asks again gets the same answer
    return end.status().isOk()
        ? new GatewayException(Reason.INTERNAL, "the coordinator ended the answer without finishing it")
        : failure.apply(cutOff(end.status()));
  }

  // A call cancelled from the other side is a coordinator that went away.
  private Status cutOff(Status status) {
    return status.getCode() == Status.Code.CANCELLED && !isClosed
        ? Status.UNAVAILABLE.withDescription("it cut the call off").withCause(status.asRuntimeException())
        : status;
  }

  @Override
  public void close() {
    isClosed = true;
    if (!isFinished && call != null) {
      call.cancel("the answer is not wanted any more", null);
    }
  }
}
