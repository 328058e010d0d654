package io.llada.cluster;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;

/// A registry inside one process: for tests and for a whole cluster in one JVM. Leases do not expire by themselves,
/// readers see that they stop changing.
public final class InMemoryRegistry implements Registry {
  private final Map<String, Lease> leases = new ConcurrentHashMap<>();
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private final AtomicReference<Optional<PlacementRecord>> placement = new AtomicReference<>(Optional.empty());

  @Override
  public Optional<Lease> claim(Lease lease) {
    Lease holder = leases.merge(lease.nodeId(), lease, (old, claimed) -> old.isSameLife(claimed) ? claimed : old);
    changed();
    return holder.isSameLife(lease) ? Optional.empty() : Optional.of(holder);
  }

  @Override
  public void publish(Lease lease) {
    leases.put(lease.nodeId(), lease);
    changed();
  }

  @Override
  public void withdraw(Lease lease) {
    leases.computeIfPresent(lease.nodeId(), (id, held) -> held.isSameLife(lease) ? null : held);
    changed();
  }

  @Override
  public List<Lease> leases() {
    return List.copyOf(leases.values());
  }

  @Override
  public void publish(PlacementRecord newPlacement) {
    placement.updateAndGet(known -> known.filter(other -> other.precedes(newPlacement)).or(() -> Optional.of(
        newPlacement)));
    changed();
  }

  @Override
  public Optional<PlacementRecord> placement() {
    return placement.get();
  }

  @Override
  public void listen(Runnable onChange) {
    listeners.add(onChange);
  }

  private void changed() {
    listeners.forEach(Runnable::run);
  }

  @Override
  public void close() {
    listeners.clear();
  }
}
