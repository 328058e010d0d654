package io.llada.model.kernel;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/// The threads that compute: one pool per process, of the size of the cores.
///
/// The calling thread works too, items are taken from a shared counter (so an expensive item does not hold up the
/// rest), and idle threads are parked, not spinning: a barrier that spins collapses as soon as anything else runs on
/// the machine. Several threads may call at once, also from inside an item.
/// After [#close] the callers do all the work themselves.
public final class ComputePool implements AutoCloseable {
  /// Multiply-adds that take about as long as an element read, changed and written.
  public static final long ELEMENT_OPERATIONS = 4;

  /// Work below this many operations is not worth waking a thread for (about 50 microseconds of one core).
  private static final long WORTH_SHARING = 1_000_000;

  /// Enough of them to keep all busy when some take longer.
  private static final int RUNS_PER_THREAD = 8;

  /// Invitations to help, for each helper. One that finds no room is dropped: the caller does that work itself.
  private static final int TICKETS_PER_HELPER = 16;

  private final BlockingQueue<Job> tickets;
  private final Thread[] helpers;
  private volatile boolean closed;

  /// @param threads computing threads, the caller included; at least 1
  public ComputePool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, found " + threads);
    }
    tickets = new ArrayBlockingQueue<>(threads * TICKETS_PER_HELPER);
    helpers = new Thread[threads - 1];
    for (int i = 0; i < helpers.length; i++) {
      helpers[i] = Thread.ofPlatform().daemon().name("compute-" + i).start(this::help);
    }
  }

  /// One thread per core.
  public static ComputePool ofAllCores() {
    return new ComputePool(Runtime.getRuntime().availableProcessors());
  }

  /// Runs `body` for 0 .. count-1, in any order, on several threads where the work is worth it; returns when all are
  /// done. A failure of an item is thrown here, the first one if there are several, once no item is running any more.
  ///
  /// @param operations estimated multiply-adds of one item
  public void forEach(int count, long operations, IntConsumer body) {
    if (!isWorthSharing(count, operations)) {
      for (int i = 0; i < count; i++) {
        body.accept(i);
      }
      return;
    }
    Job job = new Job(count, body, Thread.currentThread());
    for (int i = 0; i < Math.min(helpers.length, count - 1); i++) {
      tickets.offer(job);
    }
    job.work();
    job.await();
  }

  private boolean isWorthSharing(int count, long operations) {
    return count > 1 && helpers.length > 0 && count * operations >= WORTH_SHARING
        && !Thread.currentThread().getName().startsWith("compute-");
  }

  /// Neighbouring items, `from .. to-1`.
  @FunctionalInterface
  public interface Run {
    void accept(int from, int to);
  }

  /// As [#forEach], for items too small to be handed out one by one.
  ///
  /// @param grain runs begin at multiples of it
  /// @param operations estimated multiply-adds of one item
  public void forRuns(int count, int grain, long operations, Run body) {
    if (!isWorthSharing(count, operations)) {
      body.accept(0, count);
      return;
    }
    int run = Math.max(1, Math.ceilDiv(Math.ceilDiv(count, threads() * RUNS_PER_THREAD), grain)) * grain;
    forEach(Math.ceilDiv(count, run), run * operations, i -> body.accept(i * run, Math.min(count, (i + 1) * run)));
  }

  private void help() {
    while (!closed) {
      try {
        tickets.take().work();
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  public int threads() {
    return helpers.length + 1;
  }

  /// Invitations not taken yet; for tests.
  int waitingTickets() {
    return tickets.size();
  }

  @Override
  public void close() {
    closed = true;
    for (Thread helper : helpers) {
      helper.interrupt();
    }
  }

  /// A counter of items shared by its workers.
  private static final class Job {
    private final int count;
    private final IntConsumer body;
    private final Thread owner;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    Job(int count, IntConsumer body, Thread owner) {
      this.count = count;
      this.body = body;
      this.owner = owner;
    }

    void work() {
      for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
        try {
          body.accept(i);
        } catch (RuntimeException | Error e) {
          failure.compareAndSet(null, e);
        }
        if (done.incrementAndGet() == count) {
          LockSupport.unpark(owner);
        }
      }
    }

    void await() {
      while (done.get() < count) {
        LockSupport.park(this);
      }
      switch (failure.get()) {
        case null -> {
        }
        case Error error -> throw error;
        case RuntimeException exception -> throw exception;
        case Throwable other -> throw new IllegalStateException(other);
      }
    }
  }
}
