package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.NodeLinks;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/// The two streams to one node: large frames have a connection of their own, or they would hold up small ones.
/// Thread-safe.
final class ExpertConnection implements AutoCloseable {
  private final String nodeId;
  private final String endpoint;
  private final LongSupplier nanoClock;
  private final ServiceTimes serviceTimes = new ServiceTimes();
  private final ExpectedTimes expectedTimes = new ExpectedTimes();
  private final ExpertStream interactive;
  private final ExpertStream bulk;

  ExpertConnection(String nodeId, String endpoint, StreamTerms terms, FrameTransport.Factory transports,
      Runnable onBroken) {
    this.nodeId = nodeId;
    this.endpoint = endpoint;
    nanoClock = terms.nanoClock();
    ExpertStream.Node node = new ExpertStream.Node(nodeId, endpoint, serviceTimes, expectedTimes, onBroken);
    interactive = new ExpertStream("interactive", node, transports.to(endpoint), terms);
    bulk = new ExpertStream("bulk", node, transports.to(endpoint), terms);
  }

  String nodeId() {
    return nodeId;
  }

  String endpoint() {
    return endpoint;
  }

  boolean isUsable() {
    return interactive.isUsable() && bulk.isUsable();
  }

  /// Sends a dispatch, small ones the quick way.
  ///
  /// @param interactiveTokens the most rows of a small one
  ExpertStream.Call call(Shipment shipment, int attempt, int interactiveTokens, Consumer<Answer> listener) {
    return stream(shipment.tokens(), interactiveTokens).call(shipment.frame(), attempt, listener);
  }

  private ExpertStream stream(int tokens, int interactiveTokens) {
    return tokens <= interactiveTokens ? interactive : bulk;
  }

  /// Whether others should be asked first.
  boolean isSuspect() {
    long now = nanoClock.getAsLong();
    return interactive.isSuspect(now) || bulk.isSuspect(now);
  }

  /// Pairs under way; the node does one dispatch after the other.
  int pendingPairs() {
    return interactive.pendingPairs() + bulk.pendingPairs();
  }

  /// What a dispatch of that many pairs takes.
  ExpectedTimes.Estimate estimate(double pairs) {
    return expectedTimes.estimate(pairs, nanoClock.getAsLong());
  }

  /// How long an answer may take before another node is asked as well.
  Duration lateAfter(int tokens, int interactiveTokens) {
    return stream(tokens, interactiveTokens).lateAfter();
  }

  NodeLinks.LinkStatus status() {
    return new NodeLinks.LinkStatus(interactive.isReady() && bulk.isReady(), isSuspect(),
        Math.max(interactive.queueDepth(), bulk.queueDepth()), traffic(), serviceTimes.pace());
  }

  private NodeLinks.Traffic traffic() {
    return new NodeLinks.Traffic(
        interactive.roundTripMicros() > 0 ? interactive.roundTripMicros() : bulk.roundTripMicros(),
        Math.max(interactive.slowestMicros(), bulk.slowestMicros()), interactive.wireBytes() + bulk.wireBytes(),
        serviceTimes.totalPairs());
  }

  void tick(long now) {
    interactive.tick(now);
    bulk.tick(now);
  }

  @Override
  public void close() {
    interactive.close();
    bulk.close();
  }
}
