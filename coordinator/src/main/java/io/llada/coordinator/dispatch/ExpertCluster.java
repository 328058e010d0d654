package io.llada.coordinator.dispatch;

import io.grpc.ChannelCredentials;
import io.llada.cluster.Registry;
import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.NodeControl;
import io.llada.coordinator.placement.NodeDirectory;
import io.llada.coordinator.placement.PlacementDriver;
import io.llada.coordinator.placement.PlacementPlanner;
import io.llada.coordinator.placement.PlacementSettings;
import io.llada.coordinator.placement.PlacementThread;
import io.llada.coordinator.placement.Planner;
import io.llada.coordinator.placement.Surroundings;
import io.llada.model.experts.Experts;
import io.llada.model.experts.Omissions;
import io.llada.model.experts.Routing;
import io.llada.proto.wire.ElementType;
import io.llada.proto.wire.Hello;
import io.llada.proto.wire.ResultPayload;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/// The expert nodes as one thing: their connections, their placement, and the [Experts] they are together. Wired here,
/// for the coordinator and for tests; [#start] gives it the threads it runs on in service.
public final class ExpertCluster implements AutoCloseable {
  /// How often connections are looked at.
  public static final Duration TICK = ExpertConnections.TICK;

  /// Calls that may wait for a credit on one stream; a coordinator has far fewer layers under way.
  private static final int MAX_WAITING = 256;

  private final ExpertConnections connections;
  private final PlacementDriver placement;
  private final RemoteExperts experts;
  private final HedgeBudget hedges = new HedgeBudget();
  private final LongAdder failovers = new LongAdder();
  private final PlacementThread thread;
  private final Runnable closing;

  /// The networks to the nodes.
  ///
  /// @param control what placement needs
  /// @param data ways for dispatches
  /// @param closing called when both are not needed any more
  public record Networks(Surroundings control, FrameTransport.Factory data, Runnable closing) {}

  /// @param directory where nodes may be found
  /// @param credentials `InsecureChannelCredentials.create()` on loopback, TLS elsewhere
  /// @param registry where the placement is published; the caller closes it
  public ExpertCluster(ExpertModel model, DispatchSettings dispatch, PlacementSettings placing, NodeDirectory directory,
      ChannelCredentials credentials, Optional<Registry> registry) {
    ExecutorService calls = Executors
        .newThreadPerTaskExecutor(Thread.ofVirtual().name("placement-call-", 0).factory());
    int maxPayloadBytes = maxPayloadBytes(model, dispatch);
    Planner planner = new PlacementPlanner(model.shards(), model.shardBytes(), placing.goals());
    this(model, dispatch, placing,
        new Networks(
            new Surroundings(System::nanoTime, directory, endpoint -> new NodeControl(endpoint, credentials, calls),
                planner, registry, calls),
            endpoint -> new GrpcTransport(endpoint, maxPayloadBytes, credentials), calls::shutdownNow));
  }

  public ExpertCluster(ExpertModel model, DispatchSettings dispatch, PlacementSettings placing, Networks networks) {
    LongSupplier nanoClock = networks.control().nanoClock();
    connections = new ExpertConnections(new StreamTerms(hello(model, dispatch).encode(), MAX_WAITING, nanoClock),
        networks.data());
    placement = new PlacementDriver(placing, model, connections, networks.control());
    experts = new RemoteExperts(new DispatchContext(model, dispatch, placement::placement, connections::connection,
        hedges, new DispatchContext.Counts(placement.routed(), failovers), nanoClock, placement::wake));
    thread = new PlacementThread(placement);
    closing = networks.closing();
    connections.onBroken(placement::wake);
  }

  private static Hello hello(ExpertModel model, DispatchSettings settings) {
    return new Hello(model.digest(), ElementType.valueOf(settings.activationType().name()), model.hiddenSize(),
        settings.coordinatorId());
  }

  private static int maxPayloadBytes(ExpertModel model, DispatchSettings settings) {
    ElementType type = ElementType.valueOf(settings.activationType().name());
    long sums = (long) settings.maxTokensPerFrame() * Math.min(model.moe().expertsPerToken(), model.moe().keptGroups());
    long bytes = ResultPayload.bytes(sums, model.hiddenSize(), type);
    if (bytes > Integer.MAX_VALUE / 2) {
      throw new IllegalArgumentException("%d tokens of %d values make results of %d bytes; allow fewer tokens per frame"
          .formatted(settings.maxTokensPerFrame(), model.hiddenSize(), bytes));
    }
    return (int) bytes;
  }

  /// Starts to look for nodes; returns at once. [PlacementDriver#awaitCovered] waits for them.
  public void start() {
    connections.start();
    thread.start();
  }

  /// The experts of all nodes.
  public Experts experts() {
    return experts;
  }

  /// Sends a layer's rows and returns; the parts are to be advanced until they are complete, and added in their order.
  ///
  /// @param rows `(tokens, hiddenSize)`; free again on return
  public List<LayerDispatch> begin(int layer, float[] rows, Routing routing) {
    return experts.begin(layer, rows, routing, Omissions.none());
  }

  /// Opens connections and gives up silent ones; in service called by a thread of its own, every [#TICK].
  public void tick() {
    connections.tick();
  }

  /// How long layers stood still for the nodes, so far.
  public DispatchTimes times() {
    return experts.times();
  }

  /// How evenly layers were divided among the nodes, so far.
  public PairSpread spread() {
    return experts.spread();
  }

  /// What is placed where, and how the nodes fare.
  public PlacementDriver placement() {
    return placement;
  }

  /// Second attempts made so far because a first was late.
  public long hedges() {
    return hedges.hedges();
  }

  /// Attempts so far that failed and were made again, elsewhere if there was another replica.
  public long failovers() {
    return failovers.sum();
  }

  @Override
  public void close() {
    thread.close();
    closing.run();
    placement.close();
    connections.close();
  }
}
