package io.llada.expertnode;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Leaving without failing a request: the node says that it drains, coordinators make a plan without it and have others
/// load its shards, and each closes its streams when it acts on that plan. When the last one has, the node may end.
///
/// Begins once; who asks again waits for the same end. Thread-safe.
final class NodeDrain {
  /// Without a stream for this long, nobody uses the node: a coordinator whose connection broke is back by then.
  static final Duration UNUSED_AFTER = Duration.ofSeconds(1);

  private static final Logger LOG = LoggerFactory.getLogger(NodeDrain.class);
  private static final Duration STEP = Duration.ofMillis(20);
  private static final Duration REPORT_EVERY = Duration.ofSeconds(10);

  private final Duration bound;
  private final Runnable announcement;
  private final Supplier<Set<String>> coordinators;
  private final BooleanSupplier isIdle;
  private final CountDownLatch ended = new CountDownLatch(1);
  private boolean begun;
  private volatile long deadline;
  private volatile boolean unused;

  /// @param bound the most it may take
  /// @param announcement tells everybody that the node leaves
  /// @param coordinators those with an open stream
  /// @param isIdle whether no dispatch waits or is computed
  NodeDrain(Duration bound, Runnable announcement, Supplier<Set<String>> coordinators, BooleanSupplier isIdle) {
    this.bound = bound;
    this.announcement = announcement;
    this.coordinators = coordinators;
    this.isIdle = isIdle;
  }

  /// Begins to leave; returns at once.
  synchronized void begin() {
    if (begun) {
      return;
    }
    begun = true;
    deadline = System.nanoTime() + bound.toNanos();
    announcement.run();
    LOG.info("draining: coordinators {} use this node", coordinators.get());
    Thread.ofPlatform().name("expert-drain").daemon().start(this::run);
  }

  private void run() {
    try {
      unused = awaitUnused();
      if (unused) {
        LOG.info("drained: nobody uses this node any more");
      } else {
        LOG.error("after {} s coordinators {} still use this node, which ends all the same: their requests may fail. "
            + "Probably no other node has room for its shards: add a node or memory before draining one",
            bound.toSeconds(), coordinators.get());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      ended.countDown();
    }
  }

  private boolean awaitUnused() throws InterruptedException {
    long usedAt = System.nanoTime();
    long reportAt = usedAt + REPORT_EVERY.toNanos();
    for (long now = usedAt; now - deadline < 0; now = System.nanoTime()) {
      Set<String> users = coordinators.get();
      if (!users.isEmpty() || !isIdle.getAsBoolean()) {
        usedAt = now;
      }
      if (now - usedAt >= UNUSED_AFTER.toNanos()) {
        return true;
      }
      if (now - reportAt >= 0) {
        LOG.warn("draining: coordinators {} still use this node, {} s left; others have to load its shards first",
            users,
            left().toSeconds());
        reportAt = now + REPORT_EVERY.toNanos();
      }
      Thread.sleep(STEP);
    }
    return false;
  }

  /// Time until the node ends in any case.
  Duration left() {
    return Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
  }

  /// Coordinators that use the node at the moment.
  Set<String> users() {
    return coordinators.get();
  }

  /// Waits for the end of a drain.
  ///
  /// @return whether it ended within the timeout
  boolean await(Duration timeout) throws InterruptedException {
    return ended.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }

  /// Waits for the end of a drain that somebody may begin at some time.
  void await() throws InterruptedException {
    ended.await();
  }

  /// Whether the drain has ended with nobody using the node.
  boolean isUnused() {
    return unused;
  }
}
