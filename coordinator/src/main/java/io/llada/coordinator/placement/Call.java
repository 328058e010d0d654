package io.llada.coordinator.placement;

import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/// A call to a node under way.
///
/// @param answer what comes of it
/// @param givenUpAt monotonic nanoseconds from which on it is not waited for
record Call<T>(CompletableFuture<T> answer, long givenUpAt) {
  /// What a call may take beyond its own timeout before it is given up.
  private static final Duration GRACE = Duration.ofSeconds(1);

  /// @param timeout the most the call should take
  static <T> Call<T> begun(CompletableFuture<T> answer, Duration timeout, long now) {
    return new Call<>(answer, now + timeout.plus(GRACE).toNanos());
  }

  boolean isOver(long now) {
    return answer.isDone() || now - givenUpAt >= 0;
  }

  /// The answer of a call that is over.
  ///
  /// @throws CallException when it failed or is given up
  T result() {
    try {
      if (!answer.isDone()) {
        answer.cancel(true);
      }
      return answer.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof CallException failure) {
        throw failure;
      }
      throw CallException.of(Status.INTERNAL.withDescription("the call failed: " + e.getCause()).withCause(e));
    } catch (CancellationException e) {
      throw CallException.of(Status.DEADLINE_EXCEEDED.withDescription("no answer in time").withCause(e));
    }
  }
}
