package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.Pace;
import java.time.Duration;

/// How long a node has dispatches, as its answers say: its speed, whatever the way there takes.
///
/// Fitted by a line over the pairs, so that nodes can be compared at the same size. Thread-safe.
final class ServiceTimes {
  /// Dispatches that count; older ones fade.
  static final int WINDOW = 128;

  private long totalPairs;
  private final LineFit line = new LineFit();

  /// @param service the time it took
  /// @param size its pairs, and those the node had to do before
  synchronized void add(Duration service, int size) {
    line.add(line.withoutHiccup(service.toNanos(), size), size, 1.0 / Math.min(line.samples() + 1, WINDOW));
  }

  /// No answer was waited for any longer: it would have taken at least this.
  synchronized void addUnanswered(Duration waited, int size) {
    if (line.samples() > 0 && waited.toNanos() > line.nanos()) {
      add(waited, size);
    }
  }

  /// The node has computed pairs.
  synchronized void computed(int more) {
    totalPairs += more;
  }

  /// Pairs it has computed so far.
  synchronized long totalPairs() {
    return totalPairs;
  }

  synchronized Pace pace() {
    return new Pace(line.samples(), line.pairs(), line.nanos(), line.nanosPerPair());
  }
}
