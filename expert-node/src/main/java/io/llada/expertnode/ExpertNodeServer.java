package io.llada.expertnode;

import io.grpc.InsecureChannelCredentials;
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
import io.llada.proto.wire.LoopbackTcp;
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
  /// Who watched a drain to its end should hear of it.
  private static final Duration FAREWELL_TIMEOUT = Duration.ofSeconds(1);

  /// Response metadata of every call: what computes on this node.
  public static final Metadata.Key<String> DEVICE = Metadata.Key.of("llada-device", Metadata.ASCII_STRING_MARSHALLER);

  private final ExpertNodeSettings settings;
  private final ExpertNodeModel model;
  private final NodeIdentity identity;
  private final Optional<CacheWriter> writer;
  private final ShardStore store;
  private final ExpertWorker worker;
  private final ExpertDataService data;
  private final NodeCondition condition = new NodeCondition();
  private final NodeDrain drain;
  private final HealthStatusManager health = new HealthStatusManager();
  private final ExecutorService control = Executors
      .newThreadPerTaskExecutor(Thread.ofPlatform().name("expert-control-", 0).daemon().factory());
  private final Server server;
  private final Optional<LeasePublisher> publisher;
  private volatile int boundPort;

  /// @param credentials `InsecureServerCredentials.create()` on loopback, TLS elsewhere
  /// @param registry where the node leaves its lease; empty where coordinators know their nodes by address
  public ExpertNodeServer(ExpertNodeSettings settings, ExpertNodeModel model, ServerCredentials credentials,
      Optional<Registry> registry) {
    this.settings = settings;
    this.model = model;
    identity = new NodeIdentity(settings.nodeId(), UUID.randomUUID().toString(), settings.capacityBytes(),
        settings.zone());
    Optional<ShardCache> cache = settings.sources().cache().map(root -> new ShardCache(root, model));
    // There is no TLS yet, between expert nodes either.
    GrpcPeers peers = new GrpcPeers(InsecureChannelCredentials.create(), model.outline(), model.numericsClass());
    ShardLoader loader = new ShardLoader(model, cache, peers, settings.sources().peers());
    writer = cache.map(files -> new CacheWriter(files, model));
    store = new ShardStore(loader, this::loaded, settings.capacityBytes(), System::nanoTime);
    worker = new ExpertWorker(model, store, settings, this::deviceFailed);
    data = new ExpertDataService(identity, model, settings, store, worker);
    drain = new NodeDrain(settings.drainTimeout(), this::announceDrain, data::coordinators, worker::isIdle);
    NettyServerBuilder builder = NettyServerBuilder.forAddress(new InetSocketAddress(settings.host(), settings.port()),
        credentials);
    server = LoopbackTcp.prepare(builder, settings.host()).directExecutor().flowControlWindow(FLOW_CONTROL_WINDOW)
        .maxInboundMessageSize(data.maxPayloadBytes() + FrameHeader.BYTES)
        .maxConcurrentCallsPerConnection(MAX_CALLS_PER_CONNECTION)
        .maxRstFramesPerWindow(MAX_RESETS, RESET_WINDOW_SECONDS)
        .permitKeepAliveTime(KEEP_ALIVE_AT_MOST_EVERY.toMillis(), TimeUnit.MILLISECONDS)
        .permitKeepAliveWithoutCalls(true)
        .intercept(MetadataUtils.newAttachMetadataServerInterceptor(responseMetadata(model)))
        .addService(data.service())
        .addService(new ExpertControlService(new NodeParts(identity, model, loader, store, condition, drain,
            worker::queueDepth), control))
        .addService(health.getHealthService()).build();
    publisher = registry.map(shared -> new LeasePublisher(shared, this::lease));
  }

  private void loaded(LoadedShard shard) {
    writer.ifPresent(files -> files.loaded(shard, store));
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
    if (condition.fail(cause.getMessage())) {
      LOG.error("the device failed; this node is out of use until it is started again", cause);
    }
    health.setStatus("", ServingStatus.NOT_SERVING);
  }

  /// What the node promises at this moment; its sequence number is set when it is published.
  Lease lease() {
    ShardStore.Contents contents = store.contents();
    List<HeldShard> shards = contents.shards().stream().map(id -> new HeldShard(id.layer(), id.group())).toList();
    return new Lease(identity.nodeId(), identity.incarnation(), endpoint(), Lease.Role.EXPERT_NODE,
        identity.capacityBytes(), model.numericsClass(), model.device(), model.digest(), condition.state(), 0, shards,
        worker.queueDepth());
  }

  /// Begins to leave without failing a request; returns at once, and [#awaitDrained] at the end.
  public void drain() {
    drain.begin();
  }

  private void announceDrain() {
    condition.drain();
    health.setStatus("", ServingStatus.NOT_SERVING);
  }

  /// Waits until the node has drained, whoever asked for it. Then it should be closed.
  ///
  /// @return whether nobody used it any more; false: its time was over
  public boolean awaitDrained() throws InterruptedException {
    drain.await();
    return drain.isUnused();
  }

  /// Leaves at once: calls in flight fail, and their callers repeat them elsewhere.
  @Override
  public void close() {
    publisher.ifPresent(LeasePublisher::close);
    if (condition.isDraining()) {
      server.shutdown();
      awaitServer(FAREWELL_TIMEOUT);
    }
    stopServing();
  }

  private boolean awaitServer(Duration timeout) {
    try {
      return server.awaitTermination(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void stopServing() {
    health.enterTerminalState();
    server.shutdownNow();
    data.close();
    worker.close();
    control.shutdownNow();
    writer.ifPresent(CacheWriter::close);
    if (!awaitServer(SHUTDOWN_TIMEOUT)) {
      LOG.warn("the server did not end within {}", SHUTDOWN_TIMEOUT);
    }
    store.close();
  }
}
