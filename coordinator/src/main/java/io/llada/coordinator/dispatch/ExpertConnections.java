package io.llada.coordinator.dispatch;

import io.llada.coordinator.placement.NodeLinks;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The connections to all expert nodes and the one thread, `expert-connections`, that reopens and watches them.
/// Thread-safe.
final class ExpertConnections implements NodeLinks, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ExpertConnections.class);
  static final Duration TICK = Duration.ofMillis(50);

  private final StreamTerms terms;
  private final FrameTransport.Factory transports;
  private final Map<String, ExpertConnection> connections = new ConcurrentHashMap<>();
  private final ScheduledExecutorService ticks = Executors
      .newSingleThreadScheduledExecutor(Thread.ofPlatform().name("expert-connections").daemon().factory());
  private volatile Runnable onBroken = () -> {};

  ExpertConnections(StreamTerms terms, FrameTransport.Factory transports) {
    this.terms = terms;
    this.transports = transports;
  }

  /// Calls back when a stream broke, on any thread; the callback must not block.
  void onBroken(Runnable listener) {
    onBroken = listener;
  }

  /// Starts to open and watch connections.
  void start() {
    ticks.scheduleAtFixedRate(this::tickSafely, 0, TICK.toNanos(), TimeUnit.NANOSECONDS);
  }

  /// Opens what is closed and gives up what is silent. Called every [#TICK].
  void tick() {
    connections.values().forEach(connection -> connection.tick(terms.nanoClock().getAsLong()));
  }

  private void tickSafely() {
    try {
      tick();
    } catch (RuntimeException e) {
      // The executor would never tick again, and no connection would be reopened.
      LOG.error("watching the connections failed", e);
    }
  }

  @Override
  public synchronized void retain(Map<String, String> endpoints) {
    connections.values().removeIf(connection -> {
      boolean gone = !connection.endpoint().equals(endpoints.get(connection.nodeId()));
      if (gone) {
        connection.close();
      }
      return gone;
    });
    endpoints.forEach((nodeId, endpoint) -> connections.computeIfAbsent(nodeId, id -> {
      ExpertConnection connection = new ExpertConnection(id, endpoint, terms, transports, () -> onBroken.run());
      connection.tick(terms.nanoClock().getAsLong());
      return connection;
    }));
  }

  @Override
  public Optional<LinkStatus> status(String nodeId) {
    return connection(nodeId).map(ExpertConnection::status);
  }

  Optional<ExpertConnection> connection(String nodeId) {
    return Optional.ofNullable(connections.get(nodeId));
  }

  @Override
  public void close() {
    ticks.shutdownNow();
    retain(Map.of());
  }
}
