package io.llada.cluster;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Who is alive, as one reader sees it.
///
/// A lease is fresh while its sequence number keeps changing on this reader's own monotonic clock; nobody's wall clock
/// matters. While the registry is unreachable the last good view stays, and afterwards every lease gets a full
/// [#FRESH_FOR] to show a sign of life.
///
/// [#poll] is called by one thread: the tracker's own after [#start], or a test's. [#fresh] is for any thread.
public final class LeaseTracker implements AutoCloseable {
  /// A lease that has not changed for this long is not counted on: three rewrites were missed.
  public static final Duration FRESH_FOR = Duration.ofSeconds(6);
  /// How often the registry is asked when no event comes.
  public static final Duration POLL_INTERVAL = Duration.ofSeconds(1);

  private static final Logger LOG = LoggerFactory.getLogger(LeaseTracker.class);
  private static final Duration CLOSE_TIMEOUT = HazelcastRegistry.CALL_TIMEOUT.plusSeconds(1);

  private final Registry registry;
  private final LongSupplier nanoClock;
  private final Map<String, Sighting> sightings = new HashMap<>();
  private final List<Consumer<LeaseChanges>> listeners = new CopyOnWriteArrayList<>();
  private final BlockingQueue<Boolean> wakeUps = new LinkedBlockingQueue<>(1);
  private final ClosableThread thread;
  private volatile List<Lease> fresh = List.of();
  private volatile boolean reachable = true;
  private volatile long lastGoodLook;

  private record Sighting(Lease lease, long changedAt) {}

  /// @param nanoClock monotonic nanoseconds
  public LeaseTracker(Registry registry, LongSupplier nanoClock) {
    this.registry = registry;
    this.nanoClock = nanoClock;
    this.lastGoodLook = nanoClock.getAsLong();
    this.thread = new ClosableThread("lease-tracker", this::run, CLOSE_TIMEOUT);
  }

  /// Reports changes from now on, on the polling thread.
  public void onChange(Consumer<LeaseChanges> listener) {
    listeners.add(listener);
  }

  /// Starts polling and listening.
  public void start() {
    registry.listen(() -> wakeUps.offer(true));
    thread.start();
  }

  /// The leases that are fresh, by node id.
  public List<Lease> fresh() {
    return fresh;
  }

  /// Whether the last look at the registry succeeded; if not, [#fresh] is the last good view.
  public boolean isRegistryReachable() {
    return reachable;
  }

  /// How old the last good view is; empty: the last look at the registry succeeded.
  public Optional<Duration> staleFor() {
    return reachable ? Optional.empty() : Optional.of(Duration.ofNanos(nanoClock.getAsLong() - lastGoodLook));
  }

  /// Looks at the registry once.
  public LeaseChanges poll() {
    List<Lease> leases;
    try {
      leases = registry.leases();
    } catch (RegistryUnavailableException e) {
      if (reachable) {
        LOG.warn("registry unreachable, keeping the last view of {} leases: {}", fresh.size(), e.getMessage());
      }
      reachable = false;
      return LeaseChanges.NONE;
    }
    long now = nanoClock.getAsLong();
    lastGoodLook = now;
    if (!reachable) {
      LOG.info("registry reachable again");
      sightings.replaceAll((id, seen) -> new Sighting(seen.lease(), now));
      reachable = true;
    }
    return observe(leases, now);
  }

  private LeaseChanges observe(List<Lease> leases, long now) {
    Map<String, Sighting> seen = new HashMap<>();
    for (Lease lease : leases) {
      Sighting before = sightings.get(lease.nodeId());
      boolean unchanged = before != null && before.lease().isSameLife(lease)
          && before.lease().sequence() == lease.sequence();
      seen.put(lease.nodeId(), new Sighting(lease, unchanged ? before.changedAt() : now));
    }
    sightings.clear();
    sightings.putAll(seen);
    List<Lease> view = seen.values().stream().filter(sighting -> now - sighting.changedAt() < FRESH_FOR.toNanos())
        .map(Sighting::lease).sorted((a, b) -> a.nodeId().compareTo(b.nodeId())).toList();
    LeaseChanges changes = new LeaseChanges(livesMissing(view, fresh), livesMissing(fresh, view));
    fresh = view;
    if (!changes.isEmpty()) {
      listeners.forEach(listener -> listener.accept(changes));
    }
    return changes;
  }

  private static List<Lease> livesMissing(List<Lease> present, List<Lease> in) {
    List<Lease> missing = new ArrayList<>(present);
    missing.removeIf(lease -> in.stream().anyMatch(lease::isSameLife));
    return missing;
  }

  private void run() {
    while (!thread.isClosed()) {
      try {
        poll();
        wakeUps.poll(POLL_INTERVAL.toNanos(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException e) {
        // A listener or a registry with a defect must not end the watch.
        LOG.error("a look at the registry failed", e);
      }
    }
  }

  @Override
  public void close() {
    thread.close();
  }
}
