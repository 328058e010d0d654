package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.ExpertModel;
import java.util.Optional;
import java.util.SortedSet;

/// A shipment at a node. Not a record: attempts are told apart by identity. Not thread-safe.
final class Attempt {
  private final Shipment shipment;
  private final String nodeId;
  private final long sentAt;
  private final Setback history;
  private Optional<ExpertStream.Call> call = Optional.empty();
  private Optional<RoutedRows> rows = Optional.empty();
  private long lateAt = Long.MAX_VALUE;

  /// @param sentAt monotonic nanoseconds
  /// @param history why it is made
  Attempt(Shipment shipment, String nodeId, long sentAt, Setback history) {
    this.shipment = shipment;
    this.nodeId = nodeId;
    this.sentAt = sentAt;
    this.history = history;
  }

  Shipment shipment() {
    return shipment;
  }

  SortedSet<Portion> portions() {
    return shipment.portions();
  }

  String nodeId() {
    return nodeId;
  }

  long sentAt() {
    return sentAt;
  }

  Setback history() {
    return history;
  }

  /// Its rows, as the node sees them; they may be kept.
  RoutedRows rows(ExpertModel model) {
    if (rows.isEmpty()) {
      rows = Optional.of(shipment.unpack(model));
    }
    return rows.get();
  }

  /// It was handed over.
  void calls(ExpertStream.Call handedOver) {
    call = Optional.of(handedOver);
  }

  /// From when on it is late, monotonic nanoseconds; never, unless it was told.
  long lateAt() {
    return lateAt;
  }

  void lateAt(long nanos) {
    lateAt = nanos;
  }

  /// The answer is waited for no longer than necessary.
  void isLate() {
    call.ifPresent(ExpertStream.Call::late);
  }

  /// Nobody waits any more.
  void cancel() {
    call.ifPresent(ExpertStream.Call::cancel);
  }
}
