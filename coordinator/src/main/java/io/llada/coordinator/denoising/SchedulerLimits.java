package io.llada.coordinator.denoising;

import java.time.Duration;

/// Bounds of the scheduler.
///
/// @param rowsPerForward rows of one forward pass, over all sequences; a larger one is cut into prefill passes
/// @param runningTokens positions (prompt and answer, whole blocks) of all running sequences: what the caches may hold at most
/// @param queuedTokens positions of all sequences waiting to run
/// @param idleProbe after this long without work one block is run through the model, so that readiness stays proven
/// @param expertPatience how long a request that cannot do without experts that are known to be missing waits for them,
///   apart from those that can
public record SchedulerLimits(int rowsPerForward, long runningTokens, long queuedTokens,
    Duration idleProbe, Duration expertPatience) {
  public static final SchedulerLimits DEFAULTS = new SchedulerLimits(512, 65_536, 262_144,
      Duration.ofSeconds(10), Duration.ofSeconds(10));

  public SchedulerLimits {
    if (rowsPerForward < 1 || runningTokens < 1 || queuedTokens < 1) {
      throw new IllegalArgumentException(
          "rows per forward (%d), running tokens (%d) and queued tokens (%d) must be at least 1".formatted(
              rowsPerForward,
              runningTokens, queuedTokens));
    }
  }

  /// These limits, with no more running tokens than have room for their keys and values.
  ///
  /// @param heapBytes memory of the process; half of it is for caches
  /// @param bytesPerToken keys and values of one position
  /// @throws IllegalArgumentException when not even one position has room
  public SchedulerLimits within(long heapBytes, long bytesPerToken) {
    long room = heapBytes / 2 / bytesPerToken;
    if (room < 1) {
      throw new IllegalArgumentException(
          "a position takes %d bytes of cache, more than half of the heap's %d; raise -Xmx"
              .formatted(bytesPerToken, heapBytes));
    }
    return new SchedulerLimits(rowsPerForward, Math.min(runningTokens, room), queuedTokens, idleProbe, expertPatience);
  }
}
