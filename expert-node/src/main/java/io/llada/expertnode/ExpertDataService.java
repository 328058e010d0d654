package io.llada.expertnode;

import io.grpc.ServerServiceDefinition;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.llada.proto.wire.DispatchPayload;
import io.llada.proto.wire.ElementType;
import io.llada.proto.wire.ExpertDataMethods;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.HelloAck;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/// The streams of frames of all coordinators, the pings on them, and what their coming and going means for the shards.
final class ExpertDataService implements AutoCloseable {
  /// How often every coordinator hears of this node.
  static final Duration PING_INTERVAL = Duration.ofMillis(500);

  private final NodeIdentity identity;
  private final ExpertNodeModel model;
  private final ExpertNodeSettings settings;
  private final ShardStore store;
  private final ExpertWorker worker;
  private final Set<DispatchStream> streams = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService pings = Executors
      .newSingleThreadScheduledExecutor(Thread.ofPlatform().name("expert-ping").daemon().factory());

  ExpertDataService(NodeIdentity identity, ExpertNodeModel model, ExpertNodeSettings settings, ShardStore store,
      ExpertWorker worker) {
    this.identity = identity;
    this.model = model;
    this.settings = settings;
    this.store = store;
    this.worker = worker;
  }

  void start() {
    pings.scheduleAtFixedRate(this::ping, PING_INTERVAL.toNanos(), PING_INTERVAL.toNanos(), TimeUnit.NANOSECONDS);
  }

  /// Lets go of what nobody can ask for any more and tells every coordinator that the node lives; called every
  /// [#PING_INTERVAL].
  void ping() {
    store.unload(coordinators());
    Frame ping = Frame.ping(worker.queueDepth(), store.epoch());
    streams.forEach(stream -> stream.ping(ping));
  }

  /// Coordinators with an open stream.
  Set<String> coordinators() {
    return streams.stream().flatMap(stream -> stream.coordinatorId().stream()).collect(Collectors.toSet());
  }

  ServerServiceDefinition service() {
    return ExpertDataMethods.bind(maxPayloadBytes(), this::accept);
  }

  /// The largest payload a well-behaved coordinator sends.
  int maxPayloadBytes() {
    long pairs = (long) settings.maxTokens() * model.moe().expertsPerToken();
    long bytes = DispatchPayload.bytes(settings.maxTokens(), pairs, model.hiddenSize(), ElementType.F32);
    if (bytes > Integer.MAX_VALUE / 2) {
      throw new IllegalArgumentException("%d tokens of %d values make frames of %d bytes; allow fewer tokens"
          .formatted(settings.maxTokens(), model.hiddenSize(), bytes));
    }
    return (int) bytes;
  }

  /// Takes a new stream.
  ///
  /// @param out a `ServerCallStreamObserver`, the way to the coordinator
  /// @return the way from the coordinator
  StreamObserver<Frame> accept(StreamObserver<Frame> out) {
    HelloAck welcome = new HelloAck(identity.nodeId(), identity.incarnation(), settings.credits(), settings.maxTokens(),
        store.epoch());
    ServerCallStreamObserver<Frame> call = (ServerCallStreamObserver<Frame>) out;
    DispatchStream stream = new DispatchStream(model, welcome, worker, call, streams::remove);
    call.setOnCancelHandler(stream::cancelled);
    streams.add(stream);
    return stream;
  }

  @Override
  public void close() {
    pings.shutdownNow();
    streams.forEach(DispatchStream::close);
  }
}
