package io.llada.cluster;

import java.time.Duration;

/// A daemon thread that works until it is closed: its work looks at [#isClosed] in every turn, and ends when it is
/// interrupted.
public final class ClosableThread implements AutoCloseable {
  private final Thread thread;
  private final Duration bound;
  private volatile boolean closed;

  /// @param bound the most that closing waits for the work to end
  public ClosableThread(String name, Runnable work, Duration bound) {
    thread = Thread.ofPlatform().name(name).daemon().unstarted(work);
    this.bound = bound;
  }

  public void start() {
    thread.start();
  }

  public boolean isClosed() {
    return closed;
  }

  /// Interrupts the work and waits for its end, at most for the bound.
  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    try {
      thread.join(bound.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
