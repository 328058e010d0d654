package io.llada.coordinator;

import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.llada.coordinator.denoising.Scheduler;
import io.llada.coordinator.edge.DenoisingGrpcService;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/// A coordinator on the network.
public final class CoordinatorServer implements AutoCloseable {
  private static final int LARGEST_REQUEST = 16 << 20;
  private static final int MAX_CALLS_PER_CONNECTION = 10_000;
  private static final int MAX_RESETS = 1_000;
  private static final int RESET_WINDOW_SECONDS = 10;
  private static final long KEEP_ALIVE_AT_MOST_EVERY_SECONDS = 2;
  private static final long CLOSE_SECONDS = 5;

  private static final Duration LAST_WORDS = Duration.ofSeconds(2);

  private final Server server;
  private final Scheduler scheduler;
  private final String host;
  private final HealthStatusManager health = new HealthStatusManager();

  /// @param port 0: any free one
  /// @param coordinator must stay open as long as the server; the caller closes it
  public CoordinatorServer(String host, int port, Coordinator coordinator) {
    this.host = host;
    this.scheduler = coordinator.scheduler();
    this.server = NettyServerBuilder.forAddress(new InetSocketAddress(host, port), InsecureServerCredentials.create())
        .maxInboundMessageSize(LARGEST_REQUEST).maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
        .maxRstFramesPerWindow(MAX_RESETS, RESET_WINDOW_SECONDS).permitKeepAliveTime(KEEP_ALIVE_AT_MOST_EVERY_SECONDS,
            TimeUnit.SECONDS)
        .permitKeepAliveWithoutCalls(true).addService(new DenoisingGrpcService(coordinator.model(),
            scheduler, coordinator.cluster()))
        .addService(health.getHealthService()).build();
  }

  /// @return the bound port
  /// @throws UncheckedIOException when the port cannot be bound
  public int start() {
    try {
      server.start();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot bind %s: %s".formatted(server.getListenSockets(), e.getMessage()), e);
    }
    health.setStatus("", ServingStatus.SERVING);
    return server.getPort();
  }

  public String endpoint() {
    return host + ":" + server.getPort();
  }

  /// Takes no more requests, lets running ones end and gives up what still runs after the bound, with UNAVAILABLE: a
  /// gateway goes on with it elsewhere. The port stays open until then, so that gateways can see what happens.
  public void drain(Duration bound) throws InterruptedException {
    health.enterTerminalState();
    scheduler.drain(bound);
    server.shutdown();
    server.awaitTermination(LAST_WORDS.toMillis(), TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() {
    health.enterTerminalState();
    server.shutdownNow();
    try {
      server.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
