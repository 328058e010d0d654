package io.llada.coordinator.dispatch;

import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.llada.cluster.Registry;
import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.NodeDirectory;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.coordinator.placement.PlacementSettings;
import io.llada.coordinator.placement.Rebalancing;
import io.llada.expertnode.ExpertNodeModel;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.expertnode.ExpertNodeSettings;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.Experts;
import io.llada.model.experts.LocalExperts;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;

/// Real expert nodes with the bundled tiny model on loopback, and a coordinator's side of them.
final class TinyCluster implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofSeconds(20);
  static final int HIDDEN_SIZE = 128;
  static final int MOE_LAYER = 2;

  private static final String HOST = "127.0.0.1";

  final Checkpoint checkpoint = Checkpoint.open(Path.of("../deploy/models/llada2-tiny-chat"));
  final ComputePool pool = new ComputePool(2);
  final Kernels kernels = Kernels.best();
  final ExpertNodeModel nodeModel = ExpertNodeModel.of(checkpoint, kernels, pool);
  private final List<Runnable> closing = new ArrayList<>();

  /// A node with room for everything on a free port.
  ExpertNodeServer node(String nodeId) {
    return node(nodeId, 0, nodeModel, nodeModel.shardBytes() * nodeModel.shards().size());
  }

  ExpertNodeServer node(String nodeId, int port, ExpertNodeModel model, long capacityBytes) {
    return node(ExpertNodeSettings.of(nodeId, HOST, port, capacityBytes), model, Optional.empty());
  }

  ExpertNodeServer node(ExpertNodeSettings settings, ExpertNodeModel model, Optional<Registry> registry) {
    ExpertNodeServer node = new ExpertNodeServer(settings, model, InsecureServerCredentials.create(), registry);
    closing.add(node::close);
    node.start();
    return node;
  }

  ExpertModel model() {
    return ExpertModel.of(checkpoint.config(), checkpoint.digest(), kernels.numericsClass(), nodeModel.shardBytes());
  }

  /// A coordinator's side, with quick reactions.
  ExpertCluster cluster(ActivationType type, List<String> endpoints) {
    return cluster(DispatchSettings.of("test-coordinator", type), NodeDirectory.of(endpoints), Optional.empty());
  }

  ExpertCluster cluster(DispatchSettings dispatch, NodeDirectory directory, Optional<Registry> registry) {
    return cluster(dispatch, PlacementGoals.SINGLE, directory, registry);
  }

  ExpertCluster cluster(DispatchSettings dispatch, PlacementGoals goals, NodeDirectory directory,
      Optional<Registry> registry) {
    return cluster(dispatch, placing(dispatch.coordinatorId(), goals, Rebalancing.USUAL), directory, registry);
  }

  /// Quick reactions.
  static PlacementSettings placing(String coordinatorId, PlacementGoals goals, Rebalancing rebalancing) {
    return new PlacementSettings(coordinatorId, goals, Duration.ofMillis(100), Duration.ofSeconds(1),
        Duration.ofMillis(50), Duration.ofSeconds(3), Duration.ofSeconds(1), Duration.ofSeconds(30),
        Duration.ofSeconds(20), rebalancing);
  }

  ExpertCluster cluster(DispatchSettings dispatch, PlacementSettings placing, NodeDirectory directory,
      Optional<Registry> registry) {
    ExpertCluster cluster = new ExpertCluster(model(), dispatch, placing, directory,
        InsecureChannelCredentials.create(), registry);
    closing.add(cluster::close);
    cluster.start();
    return cluster;
  }

  Experts local(ActivationType type) {
    return LocalExperts.load(checkpoint, type, kernels, pool);
  }

  static float[] rows(long seed, int tokens) {
    Random random = new Random(seed);
    float[] rows = new float[tokens * HIDDEN_SIZE];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    return rows;
  }

  /// As the tiny model routes: 4 of 32 experts, from 2 of 4 groups.
  static Routing routing(long seed, int tokens) {
    Random random = new Random(seed);
    int perToken = 4;
    int[] experts = new int[tokens * perToken];
    float[] weights = new float[tokens * perToken];
    for (int token = 0; token < tokens; token++) {
      int first = random.nextInt(4);
      int second = (first + 1 + random.nextInt(3)) % 4;
      Set<Integer> chosen = new HashSet<>();
      while (chosen.size() < perToken) {
        chosen.add((random.nextBoolean() ? first : second) * 8 + random.nextInt(8));
      }
      List<Integer> order = new ArrayList<>(chosen);
      Collections.shuffle(order, random);
      for (int i = 0; i < perToken; i++) {
        experts[token * perToken + i] = order.get(i);
        weights[token * perToken + i] = random.nextFloat();
      }
    }
    return new Routing(tokens, perToken, experts, weights);
  }

  /// One layer, added to rows that are not zero.
  static float[] layer(Experts experts, long seed, int tokens) {
    float[] out = rows(seed + 1, tokens);
    experts.dispatch(MOE_LAYER, rows(seed, tokens), routing(seed, tokens)).addTo(out);
    return out;
  }

  @Override
  public void close() {
    closing.reversed().forEach(Runnable::run);
    pool.close();
    checkpoint.close();
  }
}
