package io.llada.gateway.coordinator;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import io.llada.proto.internal.v1.DenoiseEvent;
import io.llada.proto.internal.v1.DenoiseRequest;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/**
 * Events of one gRPC call. All are taken from the wire as they come: one that was left there would take a part of the
 * window that all answers of the coordinator share, and a few slow readers could stop everyone. Blocks wait here, bounded
 * by max_tokens; of steps at most {@link #MOST_STEPS}, the others are dropped.
 */
final class GrpcDenoisingStream implements DenoisingStream {
  /** Steps that may wait. */
  static final int MOST_STEPS = 64;

  private sealed interface Signal {
    record Event(DenoiseEvent event) implements Signal {}

    record End(Status status, Metadata trailers) implements Signal {}
  }

  private final Function<StatusRuntimeException, GatewayException> failure;
  // Unbounded by type, bounded by max_tokens, MOST_STEPS and one end.
  private final BlockingQueue<Signal> signals = new LinkedBlockingQueue<>();
  private final AtomicInteger waitingSteps = new AtomicInteger();
  private volatile ClientCallStreamObserver<DenoiseRequest> call;
  private volatile boolean isFinished;
  private volatile boolean isClosed;

  GrpcDenoisingStream(Function<StatusRuntimeException, GatewayException> failure) {
    this.failure = failure;
  }

  ClientResponseObserver<DenoiseRequest, DenoiseEvent> observer() {
    return new ClientResponseObserver<>() {
      @Override
      public void beforeStart(ClientCallStreamObserver<DenoiseRequest> stream) {
        call = stream;
      }

      @Override
      public void onNext(DenoiseEvent event) {
        if (!event.hasStep() || waitingSteps.get() < MOST_STEPS) {
          waitingSteps.addAndGet(event.hasStep() ? 1 : 0);
          signals.add(new Signal.Event(event));
        }
      }

      @Override
      public void onError(Throwable error) {
        signals.add(new Signal.End(Status.fromThrowable(error),
            Objects.requireNonNullElseGet(Status.trailersFromThrowable(error), Metadata::new)));
      }

      @Override
      public void onCompleted() {
        signals.add(new Signal.End(Status.OK, new Metadata()));
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
    waitingSteps.addAndGet(event.hasStep() ? -1 : 0);
    DenoisingEvent read = CoordinatorMessages.read(event);
    isFinished |= read instanceof DenoisingEvent.Finished;
    return read;
  }

  private GatewayException ended(Signal.End end) {
    signals.add(end); // whoever asks again gets the same answer
    return end.status().isOk()
        ? new GatewayException(Reason.INTERNAL, "the coordinator ended the answer without finishing it")
        : failure.apply(cutOff(end.status()).asRuntimeException(end.trailers()));
  }

  // A call cancelled from the other side is a coordinator that went away; so is a connection that closed under a write,
  // which gRPC calls unknown.
  private Status cutOff(Status status) {
    boolean isCutOff = status.getCode() == Status.Code.CANCELLED && !isClosed
        || status.getCause() instanceof ClosedChannelException;
    return isCutOff
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
