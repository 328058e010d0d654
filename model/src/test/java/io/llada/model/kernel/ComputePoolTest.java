package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ComputePoolTest {
  /// Enough operations for any item to be worth sharing.
  private static final long HEAVY = 1L << 30;

  @Test
  void everyItemRunsExactlyOnce() {
    for (int threads : new int[]{1, 2, 5}) {
      try (ComputePool pool = new ComputePool(threads)) {
        assertThat(pool.threads()).isEqualTo(threads);
        for (int count : new int[]{0, 1, 2, 3, 100, 4096}) {
          for (long operations : new long[]{0, HEAVY}) {
            AtomicIntegerArray runs = new AtomicIntegerArray(count);
            pool.forEach(count, operations, runs::incrementAndGet);
            for (int i = 0; i < count; i++) {
              assertThat(runs.get(i)).as("item %d of %d on %d threads", i, count, threads).isEqualTo(1);
            }
          }
        }
      }
    }
  }

  @Test
  void heavyItemsRunOnSeveralThreadsAtOnce() {
    try (ComputePool pool = new ComputePool(3)) {
      Set<Thread> workers = ConcurrentHashMap.newKeySet();
      CountDownLatch allThere = new CountDownLatch(3);
      pool.forEach(3, HEAVY, _ -> {
        workers.add(Thread.currentThread());
        allThere.countDown();
        await(allThere);
      });
      assertThat(workers).hasSize(3).contains(Thread.currentThread());
    }
  }

  @Test
  void lightWorkStaysWithTheCaller() {
    try (ComputePool pool = new ComputePool(3)) {
      Set<Thread> workers = ConcurrentHashMap.newKeySet();
      pool.forEach(100, 1, _ -> workers.add(Thread.currentThread()));
      assertThat(workers).containsExactly(Thread.currentThread());
    }
  }

  @Test
  void severalCallersGetTheirOwnResults() throws InterruptedException {
    try (ComputePool pool = new ComputePool(3)) {
      AtomicInteger wrong = new AtomicInteger();
      List<Thread> callers = new ArrayList<>();
      for (int caller = 0; caller < 4; caller++) {
        callers.add(Thread.ofPlatform().start(() -> {
          for (int round = 0; round < 500; round++) {
            AtomicInteger sum = new AtomicInteger();
            pool.forEach(20, HEAVY, sum::addAndGet);
            wrong.addAndGet(sum.get() == 190 ? 0 : 1);
          }
        }));
      }
      for (Thread caller : callers) {
        caller.join();
      }
      assertThat(wrong).hasValue(0);
    }
  }

  @Test
  void aCallFromInsideAnItemDoesNotDeadlock() {
    try (ComputePool pool = new ComputePool(2)) {
      AtomicInteger inner = new AtomicInteger();
      pool.forEach(16, HEAVY, _ -> pool.forEach(16, HEAVY, _ -> inner.incrementAndGet()));
      assertThat(inner).hasValue(256);
    }
  }

  @Test
  void aFailureReachesTheCallerAndThePoolLivesOn() {
    try (ComputePool pool = new ComputePool(3)) {
      for (long operations : new long[]{0, HEAVY}) {
        assertThatThrownBy(() -> pool.forEach(50, operations, i -> {
          if (i == 17) {
            throw new IllegalStateException("item 17");
          }
        })).isInstanceOf(IllegalStateException.class).hasMessage("item 17");
        assertThatThrownBy(() -> pool.forEach(50, operations, _ -> {
          throw new AssertionError("every item");
        })).isInstanceOf(AssertionError.class);
      }
      AtomicInteger runs = new AtomicInteger();
      pool.forEach(50, HEAVY, _ -> runs.incrementAndGet());
      assertThat(runs).hasValue(50);
    }
  }

  @Test
  void noItemRunsAfterAFailureWasThrown() {
    try (ComputePool pool = new ComputePool(4)) {
      AtomicInteger running = new AtomicInteger();
      assertThatThrownBy(() -> pool.forEach(200, HEAVY, i -> {
        running.incrementAndGet();
        try {
          if (i == 0) {
            throw new IllegalStateException();
          }
          Thread.yield();
        } finally {
          running.decrementAndGet();
        }
      })).isInstanceOf(IllegalStateException.class);
      assertThat(running).hasValue(0);
    }
  }

  @Test
  void invitationsNobodyTakesAreDropped() throws InterruptedException {
    try (ComputePool pool = new ComputePool(2)) {
      CountDownLatch helperBusy = new CountDownLatch(2);
      CountDownLatch free = new CountDownLatch(1);
      Thread busy = Thread.ofPlatform().start(() -> pool.forEach(2, HEAVY, _ -> {
        helperBusy.countDown();
        await(free);
      }));
      await(helperBusy);
      AtomicInteger runs = new AtomicInteger();
      for (int call = 0; call < 10_000; call++) {
        pool.forEach(2, HEAVY, _ -> runs.incrementAndGet());
      }
      assertThat(runs).hasValue(20_000);
      assertThat(pool.waitingTickets()).isBetween(1, 100);
      free.countDown();
      busy.join();
    }
  }

  @Test
  void aClosedPoolLeavesTheWorkToItsCallers() {
    ComputePool pool = new ComputePool(3);
    pool.close();
    AtomicInteger runs = new AtomicInteger();
    pool.forEach(100, HEAVY, _ -> runs.incrementAndGet());
    assertThat(runs).hasValue(100);
  }

  @Test
  void aPoolNeedsAThread() {
    assertThatThrownBy(() -> new ComputePool(0)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(
        "at least 1");
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
