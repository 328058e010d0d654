package io.llada.coordinator.dispatch;

import io.grpc.ChannelCredentials;
import io.llada.cluster.Registry;
import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.NodeDirectory;
import io.llada.coordinator.placement.PlacementDriver;
import io.llada.coordinator.placement.PlacementSettings;
import io.llada.model.experts.Experts;
import io.llada.proto.wire.ElementType;
import io.llada.proto.wire.Hello;
import io.llada.proto.wire.ResultPayload;
import java.util.Optional;

/// The expert nodes as one thing: their connections, their placement, and the [Experts] they are together. Wired here,
/// for the coordinator and for tests.
public final class ExpertCluster implements AutoCloseable {
  /// Calls that may wait for a credit on one stream; a coordinator has far fewer layers under way.
  private static final int MAX_WAITING = 256;

  private final ExpertConnections connections;
  private final PlacementDriver placement;
  private final RemoteExperts experts;
  private final HedgeBudget hedges = new HedgeBudget();

  /// @param directory where nodes may be found
  /// @param credentials `InsecureChannelCredentials.create()` on loopback, TLS elsewhere
  /// @param registry where the placement is published; the caller closes it
  public ExpertCluster(ExpertModel model, DispatchSettings dispatch, PlacementSettings placing, NodeDirectory directory,
      ChannelCredentials credentials, Optional<Registry> registry) {
    connections = new ExpertConnections(terms(model, dispatch), credentials);
    placement = new PlacementDriver(placing, model, directory, connections, credentials, registry);
    experts = new RemoteExperts(new DispatchContext(model, dispatch, placement::placement, connections::connection,
        hedges, placement::wake));
  }

  private static StreamTerms terms(ExpertModel model, DispatchSettings settings) {
    ElementType type = ElementType.valueOf(settings.activationType().name());
    Hello hello = new Hello(model.digest(), type, model.hiddenSize(), settings.coordinatorId());
    long sums = (long) settings.maxTokensPerFrame() * Math.min(model.moe().expertsPerToken(), model.moe().keptGroups());
    long bytes = ResultPayload.bytes(sums, model.hiddenSize(), type);
    if (bytes > Integer.MAX_VALUE / 2) {
      throw new IllegalArgumentException("%d tokens of %d values make results of %d bytes; allow fewer tokens per frame"
          .formatted(settings.maxTokensPerFrame(), model.hiddenSize(), bytes));
    }
    return new StreamTerms(hello.encode(), (int) bytes, MAX_WAITING);
  }

  /// Starts to look for nodes; returns at once. [PlacementDriver#awaitCovered] waits for them.
  public void start() {
    connections.start(placement::wake);
    placement.start();
  }

  /// The experts of all nodes.
  public Experts experts() {
    return experts;
  }

  /// How long layers stood still for the nodes, so far.
  public DispatchTimes times() {
    return experts.times();
  }

  /// What is placed where, and how the nodes fare.
  public PlacementDriver placement() {
    return placement;
  }

  /// Second attempts made so far because a first was late.
  public long hedges() {
    return hedges.hedges();
  }

  @Override
  public void close() {
    placement.close();
    connections.close();
  }
}
