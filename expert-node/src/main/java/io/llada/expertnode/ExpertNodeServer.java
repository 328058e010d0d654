package io.llada.expertnode;

import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.stub.MetadataUtils;
import io.llada.cluster.HeldShard;
import io.llada.cluster.Lease;
import io.llada.cluster.LeasePublisher;
import io.llada.cluster.Registry;
import io.llada.model.experts.DeviceException;
import io.llada.proto.wire.FrameHeader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One expert node: everything it is made of, wired in one place. For the `expert-node` command and for tests.
///
/// The checkpoint, the compute pool and the registry belong to the caller, who closes them after the node.
public final class ExpertNodeServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ExpertNodeServer.class);
  private static final int FLOW_CONTROL_WINDOW = 8 << 20;
  private static final int MAX_CALLS_PER_CONNECTION = 16;
  private static final int MAX_RESETS = 200;
  private static final int RESET_WINDOW_SECONDS = 10;
  private static final Duration KEEP_ALIVE_AT_MOST_EVERY = Duration.ofSeconds(2);
  private static final Duration SHUTDOWN_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration DRAIN_STEP = Duration.ofMillis(50);
  /// A drained node stays this long after its last dispatch: coordinators have left it when no more come.
  private static final Duration DRAINED_AFTER = Duration.ofSeconds(5);

  /// Response metadata of every call: what computes on this node.
  public static final Metadata.Key<String> DEVICE = Metadata.Key.of("llada-device", Metadata.ASCII_STRING_MARSHALLER);

  private final ExpertNodeSettings settings;
  private final ExpertNodeModel model;
  private final NodeIdentity identity;
  private final ShardStore store;
  private final ExpertWorker worker;
  private final ExpertDataService data;
  private final HealthStatusManager health = new HealthStatusManager();
  private final ExecutorService control = Executors
      .newThreadPerTaskExecutor(Thread.ofPlatform().name("expert-control-", 0).daemon().factory());
  private final Server server;
  private final Optional<LeasePublisher> publisher;
  private volatile int boundPort;
  private volatile Lease.State state = Lease.State.READY;
  private volatile String failure = "";

  /// @param credentials `InsecureServerCredentials.create()` on loopback, TLS elsewhere
  /// @param registry where the node leaves its lease; empty where coordinators know their nodes by address
  public ExpertNodeServer(ExpertNodeSettings settings, ExpertNodeModel model, ServerCredentials credentials,
      Optional<Registry> registry) {
    this.settings = settings;
    this.model = model;
    identity = new NodeIdentity(settings.nodeId(), UUID.randomUUID().toString(), settings.capacityBytes(),
        settings.zone());
    store = new ShardStore(model, settings.capacityBytes(), System::nanoTime);
    worker = new ExpertWorker(model, store, settings, this::deviceFailed);
    data = new ExpertDataService(identity, model, settings, store, worker);
    server = NettyServerBuilder.forAddress(new InetSocketAddress(settings.host(), settings.port()), credentials)
        .directExecutor().flowControlWindow(FLOW_CONTROL_WINDOW)
        .maxInboundMessageSize(data.maxPayloadBytes() + FrameHeader.BYTES)
        .maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
        .maxRstFramesPerWindow(MAX_RESETS, RESET_WINDOW_SECONDS)
        .permitKeepAliveTime(KEEP_ALIVE_AT_MOST_EVERY.toMillis(), TimeUnit.MILLISECONDS)
        .permitKeepAliveWithoutCalls(true)
        .intercept(MetadataUtils.newAttachMetadataServerInterceptor(responseMetadata(model)))
        .addService(data.service())
        .addService(new ExpertControlService(identity, model, store, worker::queueDepth, () -> failure, control))
        .addService(health.getHealthService()).build();
    publisher = registry.map(shared -> new LeasePublisher(shared, this::lease));
  }

  /// Starts to serve.
  ///
  /// @return the bound port
  /// @throws UncheckedIOException when the port cannot be bound
  /// @throws io.llada.cluster.NodeIdTakenException when a living process uses the node id; nothing is left running
  public int start() {
    try {
      server.start();
      boundPort = server.getPort();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot bind %s:%d: %s".formatted(settings.host(), settings.port(), e.getMessage()), e);
    }
    worker.start();
    data.start();
    try {
      publisher.ifPresent(LeasePublisher::start);
    } catch (RuntimeException e) {
      stopServing();
      throw e;
    }
    health.setStatus("", ServingStatus.SERVING);
    LOG.info("expert node {} serves checkpoint {} at {}, capacity {} bytes, on {}, numerics {}", identity.nodeId(),
        model.digest(), endpoint(), settings.capacityBytes(), model.device(), model.numericsClass());
    return boundPort;
  }

  /// Where coordinators reach the node, once it is started.
  public String endpoint() {
    return settings.advertisedEndpoint().orElseGet(() -> settings.host() + ":" + boundPort);
  }

  /// Drawn anew for every instance.
  public String incarnation() {
    return identity.incarnation();
  }

  /// What every answer of the node carries: where it was computed.
  private static Metadata responseMetadata(ExpertNodeModel model) {
    Metadata metadata = new Metadata();
    metadata.put(DEVICE, model.device());
    return metadata;
  }

  /// The node stays, so that it can say what happened, but takes no part any more.
  private void deviceFailed(DeviceException cause) {
    if (failure.isEmpty()) {
      LOG.error("the device failed; this node is out of use until it is started again", cause);
    }
    failure = cause.getMessage();
    state = Lease.State.UNHEALTHY;
    health.setStatus("", ServingStatus.NOT_SERVING);
  }

  /// What the node promises at this moment; its sequence number is set when it is published.
  Lease lease() {
    ShardStore.Contents contents = store.contents();
    List<HeldShard> shards = contents.shards().stream().map(id -> new HeldShard(id.layer(), id.group())).toList();
    return new Lease(identity.nodeId(), identity.incarnation(), endpoint(), Lease.Role.EXPERT_NODE,
        identity.capacityBytes(), model.numericsClass(), model.device(), model.digest(), state, 0, shards,
        worker.queueDepth());
  }

  /// Announces that the node leaves and waits until no dispatch has come for a while.
  ///
  /// @return whether the node was idle before the bound
  public boolean drain(Duration bound) throws InterruptedException {
    state = Lease.State.DRAINING;
    health.setStatus("", ServingStatus.NOT_SERVING);
    long now = System.nanoTime();
    long deadline = now + bound.toNanos();
    long idleSince = now;
    while (now < deadline && now - idleSince < DRAINED_AFTER.toNanos()) {
      Thread.sleep(DRAIN_STEP);
      now = System.nanoTime();
      idleSince = worker.isIdle() ? idleSince : now;
    }
    return now - idleSince >= DRAINED_AFTER.toNanos();
  }

  /// Leaves at once: calls in flight fail, and their callers repeat them elsewhere.
  @Override
  public void close() {
    publisher.ifPresent(LeasePublisher::close);
    stopServing();
  }

  private void stopServing() {
    health.enterTerminalState();
    server.shutdownNow();
    data.close();
    worker.close();
    control.shutdownNow();
    try {
      if (!server.awaitTermination(SHUTDOWN_TIMEOUT.toNanos(), TimeUnit.NANOSECONDS)) {
        LOG.warn("the server did not end within {}", SHUTDOWN_TIMEOUT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    store.close();
  }
}
