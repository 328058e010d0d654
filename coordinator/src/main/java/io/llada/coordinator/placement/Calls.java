package io.llada.coordinator.placement;

import io.grpc.Status;
import io.llada.coordinator.placement.NodeControl.CallException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Waiting for calls that run on threads of their own.
final class Calls {
  /// What a call may take beyond its own deadline before it is given up.
  private static final Duration GRACE = Duration.ofSeconds(1);

  private Calls() {}

  /// @throws CallException when the call failed or did not end in time
  static <T> T await(Future<T> call, Duration timeout) {
    try {
      return call.get(timeout.plus(GRACE).toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof CallException failure) {
        throw failure;
      }
      throw new CallException(
          Status.INTERNAL.withDescription("the call failed: " + e.getCause()).withCause(e).asRuntimeException());
    } catch (TimeoutException | CancellationException e) {
      call.cancel(true);
      throw new CallException(Status.DEADLINE_EXCEEDED.withDescription("no answer within " + timeout).withCause(e)
          .asRuntimeException());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CallException(Status.CANCELLED.withDescription("interrupted").withCause(e).asRuntimeException());
    }
  }
}
