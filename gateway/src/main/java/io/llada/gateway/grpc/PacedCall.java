package io.llada.gateway.grpc;

import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import io.llada.proto.v1.GenerateEvent;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * The answering side of one streaming call, at the pace of its reader. One thread sends; gRPC's own threads tell when
 * the reader is ready and when it has gone.
 */
final class PacedCall {
  private final ServerCallStreamObserver<GenerateEvent> call;
  private final Duration slowReaderLimit;
  private final Semaphore readiness = new Semaphore(0); // a wake-up, not a count
  private final CompletableFuture<Void> cancelled = new CompletableFuture<>();

  PacedCall(ServerCallStreamObserver<GenerateEvent> call, Duration slowReaderLimit) {
    this.call = call;
    this.slowReaderLimit = slowReaderLimit;
    call.setOnReadyHandler(readiness::release);
    call.setOnCancelHandler(() -> {
      cancelled.complete(null);
      readiness.release();
    });
  }

  /** Runs the action when the caller goes away, at once if it has gone. */
  void onCancel(Runnable action) {
    cancelled.thenRun(action);
  }

  /** @throws GatewayException CANCELLED when the caller has gone or takes nothing any more */
  void send(GenerateEvent event) {
    long deadline = System.nanoTime() + slowReaderLimit.toNanos();
    try {
      while (!call.isReady() && !call.isCancelled()) {
        if (!readiness.tryAcquire(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          throw new GatewayException(Reason.CANCELLED,
              "the caller took nothing for " + slowReaderLimit.toSeconds() + " s");
        }
        readiness.drainPermits();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new GatewayException(Reason.CANCELLED, "interrupted", e);
    }
    if (call.isCancelled()) {
      throw new GatewayException(Reason.CANCELLED, "the caller has gone");
    }
    call.onNext(event);
  }

  void complete() {
    if (!call.isCancelled()) {
      call.onCompleted();
    }
  }

  void fail(StatusRuntimeException error) {
    if (!call.isCancelled()) {
      call.onError(error);
    }
  }
}
