package io.llada.cluster;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps this process's lease alive: claims its node id, then rewrites the lease with a rising sequence number.
///
/// One thread, `lease-publisher`. A registry that is away is no reason to stop: the claim is made when it is back.
public final class LeasePublisher implements AutoCloseable {
  /// How often the lease is rewritten.
  public static final Duration INTERVAL = Duration.ofSeconds(2);

  private static final Logger LOG = LoggerFactory.getLogger(LeasePublisher.class);
  private static final Duration WATCH_STEP = Duration.ofMillis(250);
  private static final Duration CLOSE_TIMEOUT = HazelcastRegistry.CALL_TIMEOUT.plusSeconds(1);

  private final Registry registry;
  private final Supplier<Lease> current;
  private final Duration interval;
  private final Thread thread;
  private final CountDownLatch closing = new CountDownLatch(1);
  private long sequence;
  private boolean claimed;
  private boolean reported;

  /// @param current the lease as it would be written now; its sequence number is replaced
  public LeasePublisher(Registry registry, Supplier<Lease> current) {
    this(registry, current, INTERVAL);
  }

  /// @param interval how often to rewrite; tests write more often
  LeasePublisher(Registry registry, Supplier<Lease> current, Duration interval) {
    this.registry = registry;
    this.current = current;
    this.interval = interval;
    this.thread = Thread.ofPlatform().name("lease-publisher").daemon().unstarted(this::run);
  }

  /// Claims the node id and starts to publish.
  ///
  /// An old lease under this id is watched for up to three intervals: if it does not change, its process is dead and
  /// the id is taken over. One from the same endpoint is taken over at once.
  ///
  /// @throws NodeIdTakenException when a living process uses the id
  public void start() {
    step();
    thread.start();
  }

  private void run() {
    try {
      while (!closing.await(interval.toNanos(), TimeUnit.NANOSECONDS)) {
        step();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (NodeIdTakenException e) {
      LOG.error("this process is not in the registry: {}", e.getMessage());
    }
  }

  private void step() {
    try {
      if (!claimed) {
        claim();
      }
      registry.publish(next());
      claimed = true;
      reported = false;
    } catch (RegistryUnavailableException e) {
      if (!reported) {
        LOG.warn("the lease could not be written, trying again every {}: {}", interval, e.getMessage());
      }
      reported = true;
    }
  }

  private Lease next() {
    sequence++;
    return current.get().numbered(sequence);
  }

  private void claim() {
    Optional<Lease> holder = registry.claim(next());
    long deadline = System.nanoTime() + interval.multipliedBy(3).toNanos();
    while (holder.filter(this::isElsewhere).isPresent() && System.nanoTime() < deadline && !isClosing()) {
      Lease seen = holder.get();
      holder = registry.claim(next());
      if (holder.isPresent() && (!holder.get().isSameLife(seen) || holder.get().sequence() != seen.sequence())) {
        throw new NodeIdTakenException(holder.get());
      }
    }
    holder.ifPresent(dead -> LOG.info("taking over node id {} from incarnation {}, which is silent", dead.nodeId(),
        dead.incarnation()));
  }

  /// Two processes cannot listen at one endpoint, so whoever held ours is dead: nothing has to be waited for, and the
  /// lease is renewed before others think it stale.
  private boolean isElsewhere(Lease holder) {
    return !holder.endpoint().equals(current.get().endpoint());
  }

  private boolean isClosing() {
    try {
      return closing.await(WATCH_STEP.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    }
  }

  /// Withdraws the lease, so that others need not wait for it to go stale.
  @Override
  public void close() {
    closing.countDown();
    try {
      thread.join(CLOSE_TIMEOUT.toMillis());
      registry.withdraw(current.get());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RegistryUnavailableException e) {
      LOG.info("the lease could not be withdrawn and will expire: {}", e.getMessage());
    }
  }
}
