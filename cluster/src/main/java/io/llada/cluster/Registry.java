package io.llada.cluster;

import java.util.List;
import java.util.Optional;

/// Where processes leave their leases and coordinators their placement. Thread-safe; every call is bounded.
///
/// Every method may throw [RegistryUnavailableException]; the caller then goes on with what it knows.
public interface Registry extends AutoCloseable {
  /// Writes a lease if its node id is free or already this life's own.
  ///
  /// @return the lease of another life that holds the id; empty when the lease was written
  Optional<Lease> claim(Lease lease);

  /// Writes a lease over whatever is there. It vanishes when it is not rewritten.
  void publish(Lease lease);

  /// Removes the lease of this life; that of another life with the same node id stays.
  void withdraw(Lease lease);

  /// Every lease that is there, fresh or not, in no order.
  List<Lease> leases();

  /// Writes a placement, unless one that goes before it is there.
  ///
  /// @see PlacementRecord#precedes
  void publish(PlacementRecord placement);

  /// The newest placement that was published.
  Optional<PlacementRecord> placement();

  /// Calls back when something may have changed. Calls can be lost, so poll as well; the callback must not block.
  void listen(Runnable onChange);

  @Override
  void close();
}
