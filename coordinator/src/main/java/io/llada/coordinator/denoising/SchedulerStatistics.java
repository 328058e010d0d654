package io.llada.coordinator.denoising;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/// What the scheduler is doing and has done. Written by its thread, read by any.
public final class SchedulerStatistics {
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicInteger queued = new AtomicInteger();
  private final AtomicLong forwards = new AtomicLong();
  private final AtomicLong tokens = new AtomicLong();
  private volatile long lastForwardNanos;

  void running(int change) {
    running.addAndGet(change);
  }

  void queued(int change) {
    queued.addAndGet(change);
  }

  void committed(int count) {
    tokens.addAndGet(count);
  }

  void forwardDone() {
    lastForwardNanos = System.nanoTime();
    forwards.incrementAndGet();
  }

  boolean hasForward() {
    return forwards.get() > 0;
  }

  /// Sequences in service.
  public int running() {
    return running.get();
  }

  /// Sequences waiting.
  public int queued() {
    return queued.get();
  }

  /// Forward passes since the start, probes included.
  public long forwards() {
    return forwards.get();
  }

  /// Answer tokens of finished requests since the start.
  public long tokens() {
    return tokens.get();
  }

  /// Time since the last forward pass that ended well; empty before the first.
  public Optional<Duration> lastForwardAge() {
    return hasForward() ? Optional.of(Duration.ofNanos(System.nanoTime() - lastForwardNanos)) : Optional.empty();
  }
}
