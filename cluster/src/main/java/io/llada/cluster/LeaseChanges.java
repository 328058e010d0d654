package io.llada.cluster;

import java.util.List;

/// What one look at the registry brought.
///
/// @param joined fresh leases of lives that were not known before
/// @param left lives that withdrew or stopped changing, with the last lease seen
public record LeaseChanges(List<Lease> joined, List<Lease> left) {
  static final LeaseChanges NONE = new LeaseChanges(List.of(), List.of());

  public LeaseChanges {
    joined = List.copyOf(joined);
    left = List.copyOf(left);
  }

  public boolean isEmpty() {
    return joined.isEmpty() && left.isEmpty();
  }
}
