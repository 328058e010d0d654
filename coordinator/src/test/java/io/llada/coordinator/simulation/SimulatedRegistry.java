package io.llada.coordinator.simulation;

import io.llada.cluster.InMemoryRegistry;
import io.llada.cluster.Lease;
import io.llada.cluster.PlacementRecord;
import io.llada.cluster.Registry;
import io.llada.cluster.RegistryUnavailableException;
import java.util.List;
import java.util.Optional;

/// A registry all processes share, that can be away or show what was there some time ago.
final class SimulatedRegistry implements Registry {
  private final InMemoryRegistry shared = new InMemoryRegistry();
  private boolean isAway;
  private Optional<List<Lease>> stale = Optional.empty();

  void leave() {
    isAway = true;
  }

  /// From now on readers see what is there at this moment.
  void freezeView() {
    stale = Optional.of(shared.leases());
  }

  void heal() {
    isAway = false;
    stale = Optional.empty();
  }

  private void requireHere() {
    if (isAway) {
      throw new RegistryUnavailableException("the simulated registry is away", new IllegalStateException("away"));
    }
  }

  @Override
  public Optional<Lease> claim(Lease lease) {
    requireHere();
    return shared.claim(lease);
  }

  /// As the publisher of a process does it: a registry that is away is no reason to stop.
  @Override
  public void publish(Lease lease) {
    if (!isAway) {
      shared.publish(lease);
    }
  }

  @Override
  public void withdraw(Lease lease) {
    requireHere();
    shared.withdraw(lease);
  }

  @Override
  public List<Lease> leases() {
    requireHere();
    return stale.orElseGet(shared::leases);
  }

  @Override
  public void publish(PlacementRecord placement) {
    requireHere();
    shared.publish(placement);
  }

  @Override
  public Optional<PlacementRecord> placement() {
    requireHere();
    return shared.placement();
  }

  @Override
  public void listen(Runnable onChange) {
    shared.listen(onChange);
  }

  @Override
  public void close() {
    shared.close();
  }
}
