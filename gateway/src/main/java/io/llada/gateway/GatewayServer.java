package io.llada.gateway;

import com.linecorp.armeria.server.Server;
import com.linecorp.armeria.server.ServerBuilder;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.protobuf.services.HealthStatusManager;
import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.coordinator.CoordinatorPool;
import io.llada.gateway.coordinator.GrpcCoordinatorClient;
import io.llada.gateway.generation.GenerationMetrics;
import io.llada.gateway.generation.GenerationService;
import io.llada.gateway.grpc.GenerationGrpcService;
import io.llada.gateway.http.OpenAiErrors;
import io.netty.channel.ChannelOption;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running gateway: HTTP, gRPC and the web page on one port. The one place where its parts are put together.
 */
public final class GatewayServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(GatewayServer.class);
  // A coordinator may start after the gateway: asked once before the port opens, then every second.
  private static final Duration FIRST_POLL = Duration.ofSeconds(3);
  private static final Duration THREADS_END = Duration.ofSeconds(5);
  private static final int MAX_STREAMS_PER_CONNECTION = 200;
  // A client that opens and resets streams as fast as it can (CVE-2023-44487) is cut off.
  private static final int MAX_RESETS = 100;
  private static final int RESET_WINDOW_SECONDS = 1;
  private static final int SEND_BUFFER_BYTES = 128 << 10;
  private static final SecureRandom RANDOM = new SecureRandom();

  private final GatewaySettings settings;
  private final PromptEncoder encoder;
  private final CoordinatorPool coordinators;
  private final HealthStatusManager health = new HealthStatusManager();
  private final ExecutorService threads = Executors
      .newThreadPerTaskExecutor(Thread.ofVirtual().name("answer-", 0).factory());
  private final PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final Runnable nodeMeters;
  private final Server server;
  private final AtomicBoolean isClosed = new AtomicBoolean();

  /** @throws IOException when the model directory has no usable tokenizer.json */
  public GatewayServer(GatewaySettings settings) throws IOException {
    this.settings = settings;
    this.encoder = PromptEncoder.load(settings.modelDirectory());
    this.coordinators = new CoordinatorPool(
        settings.coordinators().stream().map(GrpcCoordinatorClient::new).toList(), new ModelFit(encoder),
        System::nanoTime, settings.limits().resumeTimeout());
    this.nodeMeters = CoordinatorMeters.register(coordinators, meters);
    this.server = build();
  }

  private Server build() {
    GatewayLimits limits = settings.limits();
    GenerationService service = new GenerationService(encoder, coordinators, limits.answerDeadline(),
        limits.maxConcurrentAnswers(), new GenerationMetrics(meters), GatewayServer::newRequestId,
        InstantSource.system());
    Duration quiet = limits.shutdownGrace().compareTo(Duration.ofMillis(100)) < 0
        ? Duration.ZERO
        : Duration.ofMillis(100);
    ServerBuilder builder = Server.builder()
        .http(new InetSocketAddress(settings.host(), settings.port()))
        .maxRequestLength(limits.maxBodyBytes())
        .requestTimeout(limits.requestReadTimeout())
        .idleTimeout(limits.idleTimeout())
        .maxNumConnections(limits.maxConnections())
        .http2MaxStreamsPerConnection(MAX_STREAMS_PER_CONNECTION)
        .http2MaxResetFramesPerWindow(MAX_RESETS, RESET_WINDOW_SECONDS)
        // The kernel would buffer megabytes for a client that does not read.
        .childChannelOption(ChannelOption.SO_SNDBUF, SEND_BUFFER_BYTES)
        .gracefulShutdownTimeout(quiet, limits.shutdownGrace())
        .disableServerHeader()
        // The server would log every refusal with its message, which may quote a request; we log what is our fault.
        .unloggedExceptionsReportIntervalMillis(0)
        .meterRegistry(meters)
        .errorHandler(new OpenAiErrors());
    new GatewayRoutes(service, coordinators, meters, health, limits, threads).addTo(builder);
    return builder.build();
  }

  private static String newRequestId() {
    byte[] bytes = new byte[12];
    RANDOM.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /**
   * Begins to listen, whether or not a coordinator is there yet.
   *
   * @return the port, which is the one from the settings unless that was 0
   * @throws IOException when the port cannot be opened
   */
  public int start() throws IOException {
    coordinators.onPoll(readiness -> {
      ServingStatus status = readiness.isReady() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      health.setStatus(HealthStatusManager.SERVICE_NAME_ALL_SERVICES, status);
      health.setStatus(GenerationGrpcService.NAME, status);
      nodeMeters.run();
    });
    try {
      coordinators.start(FIRST_POLL);
      server.start().join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while starting", e);
    } catch (RuntimeException e) {
      throw new IOException("cannot listen on " + settings.host() + ":" + settings.port() + ": " + e.getMessage(), e);
    }
    int port = server.activeLocalPort();
    LOG.info("gateway listens on {}:{} for coordinators {}", settings.host(), port, settings.coordinators());
    return port;
  }

  /** Takes no new requests, lets answers in progress end within the shutdown grace, then stops. */
  @Override
  public void close() {
    if (!isClosed.compareAndSet(false, true)) {
      return;
    }
    health.enterTerminalState();
    server.close();
    threads.shutdownNow();
    coordinators.close();
    try {
      if (!threads.awaitTermination(THREADS_END.toMillis(), TimeUnit.MILLISECONDS)) {
        LOG.warn("answers still run {} s after the gateway closed", THREADS_END.toSeconds());
        return; // the tokenizer's native part must not go away under them
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    encoder.close();
  }
}
