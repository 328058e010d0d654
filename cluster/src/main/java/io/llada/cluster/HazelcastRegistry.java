package io.llada.cluster;

import com.hazelcast.client.HazelcastClient;
import com.hazelcast.core.EntryEvent;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastException;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.map.IMap;
import com.hazelcast.map.listener.EntryAddedListener;
import com.hazelcast.map.listener.EntryExpiredListener;
import com.hazelcast.map.listener.EntryRemovedListener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The registry in a Hazelcast grid. Thread-safe.
///
/// Values are JSON bytes. Hazelcast may block a caller for a minute while members change, so every call runs on a
/// thread of its own and is given up after [#CALL_TIMEOUT].
public final class HazelcastRegistry implements Registry {
  /// A lease that is not rewritten for this long vanishes.
  public static final Duration LEASE_TTL = Duration.ofSeconds(15);
  /// The most a call waits for the grid.
  public static final Duration CALL_TIMEOUT = Duration.ofSeconds(3);

  private static final Logger LOG = LoggerFactory.getLogger(HazelcastRegistry.class);
  private static final String LEASES = "leases";
  static final String PLACEMENT = "placement";
  private static final String CURRENT = "current";
  /// Coordinators that may publish a placement at one time.
  private static final int MOST_PLANNERS = 100;

  private final HazelcastInstance hazelcast;
  private final RecordCodec codec = new RecordCodec();
  private final ExecutorService calls = Executors
      .newThreadPerTaskExecutor(Thread.ofVirtual().name("registry-call-", 0).factory());

  private HazelcastRegistry(HazelcastInstance hazelcast) {
    this.hazelcast = hazelcast;
  }

  /// Joins or asks the grid. A client returns at once and connects when a member is there.
  public static HazelcastRegistry open(RegistrySettings settings) {
    return new HazelcastRegistry(switch (settings.mode()) {
      case MEMBER -> Hazelcast.newHazelcastInstance(HazelcastConfiguration.member(settings));
      case CLIENT -> HazelcastClient.newHazelcastClient(HazelcastConfiguration.client(settings));
    });
  }

  @Override
  public Optional<Lease> claim(Lease lease) {
    return call("claim " + lease.nodeId(), () -> {
      byte[] held = leaseMap().putIfAbsent(lease.nodeId(), codec.encode(lease), LEASE_TTL.toSeconds(),
          TimeUnit.SECONDS);
      Optional<Lease> other = Optional.ofNullable(held).flatMap(this::readLease)
          .filter(holder -> !holder.isSameLife(lease));
      if (held != null && other.isEmpty()) {
        put(lease);
      }
      return other;
    });
  }

  @Override
  public void publish(Lease lease) {
    call("publish " + lease.nodeId(), () -> put(lease));
  }

  private Optional<Lease> put(Lease lease) {
    leaseMap().set(lease.nodeId(), codec.encode(lease), LEASE_TTL.toSeconds(), TimeUnit.SECONDS);
    return Optional.of(lease);
  }

  @Override
  public void withdraw(Lease lease) {
    call("withdraw " + lease.nodeId(), () -> {
      byte[] held = leaseMap().get(lease.nodeId());
      if (held != null && readLease(held).filter(lease::isSameLife).isPresent()) {
        // Compares bytes, so a life that took the id over in between keeps its lease.
        leaseMap().remove(lease.nodeId(), held);
      }
      return lease;
    });
  }

  @Override
  public List<Lease> leases() {
    return call("read leases", () -> {
      List<Lease> leases = new ArrayList<>();
      for (Map.Entry<String, byte[]> entry : leaseMap().entrySet()) {
        readLease(entry.getValue()).ifPresent(leases::add);
      }
      return leases;
    });
  }

  private Optional<Lease> readLease(byte[] value) {
    try {
      return Optional.of(codec.decodeLease(value));
    } catch (RegistryValueException e) {
      LOG.warn("skipping a lease: {}", e.getMessage());
      return Optional.empty();
    }
  }

  @Override
  public void publish(PlacementRecord placement) {
    byte[] value = codec.encode(placement);
    call("publish placement", () -> {
      for (int i = 0; i < MOST_PLANNERS; i++) {
        byte[] known = placementMap().putIfAbsent(CURRENT, value);
        if (known == null || codec.decodePlacement(known).precedes(placement)
            || placementMap().replace(CURRENT, known, value)) {
          return placement;
        }
      }
      throw new IllegalStateException("%d others published at the same time".formatted(MOST_PLANNERS));
    });
  }

  @Override
  public Optional<PlacementRecord> placement() {
    return call("read placement",
        () -> Optional.ofNullable(placementMap().get(CURRENT)).map(codec::decodePlacement));
  }

  @Override
  public void listen(Runnable onChange) {
    calls.execute(() -> {
      try {
        leaseMap().addEntryListener(new ChangeListener(onChange), false);
      } catch (HazelcastException | IllegalStateException e) {
        // Polling goes on without it; events are a matter of seconds, not of correctness.
        LOG.info("no events from the registry yet ({}), polling only", e.getMessage());
      }
    });
  }

  private IMap<String, byte[]> leaseMap() {
    return hazelcast.getMap(LEASES);
  }

  private IMap<String, byte[]> placementMap() {
    return hazelcast.getMap(PLACEMENT);
  }

  private <T> T call(String what, Callable<T> task) {
    Future<T> result = calls.submit(task);
    try {
      return result.get(CALL_TIMEOUT.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      result.cancel(true);
      throw new RegistryUnavailableException("the registry did not answer within %s: %s".formatted(CALL_TIMEOUT, what),
          e);
    } catch (InterruptedException e) {
      result.cancel(true);
      Thread.currentThread().interrupt();
      throw new RegistryUnavailableException("interrupted while waiting for the registry: " + what, e);
    } catch (ExecutionException e) {
      throw new RegistryUnavailableException("the registry failed: %s: %s".formatted(what, e.getCause()), e.getCause());
    }
  }

  @Override
  public void close() {
    calls.shutdownNow();
    hazelcast.shutdown();
  }

  private record ChangeListener(Runnable onChange)
      implements
        EntryAddedListener<String, byte[]>,
        EntryRemovedListener<String, byte[]>,
        EntryExpiredListener<String, byte[]> {
    @Override
    public void entryAdded(EntryEvent<String, byte[]> event) {
      onChange.run();
    }

    @Override
    public void entryRemoved(EntryEvent<String, byte[]> event) {
      onChange.run();
    }

    @Override
    public void entryExpired(EntryEvent<String, byte[]> event) {
      onChange.run();
    }
  }
}
