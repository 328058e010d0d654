package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.NodeStatus;
import io.llada.coordinator.placement.PlacementGoals;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;

/// A coordinator in this process and expert nodes, each behind a [FaultProxy]: what can happen to a node, as methods. The
/// nodes are processes ([ProcessNodes]) or in this one ([InProcessNodes]).
final class TestCluster implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestNode.Driver driver;
  private final List<FaultProxy> proxies = new ArrayList<>();
  private final List<TestNode> nodes = new ArrayList<>();
  private final List<Supplier<TestNode>> starters = new ArrayList<>();
  private final Coordinator coordinator;

  /// How large a cluster is.
  ///
  /// @param nodes expert nodes at the start
  /// @param spare nodes that may be added later
  /// @param replicas nodes that hold each shard
  record Size(int nodes, int spare, int replicas) {}

  /// Starts a cluster and waits until every shard has its replicas.
  ///
  /// @param model checkpoint directory
  /// @param driver what starts nodes; closed with the cluster
  TestCluster(Path model, Size size, TestNode.Driver driver) throws Exception {
    this.driver = driver;
    for (int i = 0; i < size.nodes() + size.spare(); i++) {
      proxies.add(new FaultProxy(i));
    }
    for (int i = 0; i < size.nodes(); i++) {
      addExpertNode();
    }
    coordinator = Coordinator.open(new CoordinatorSettings("test", model,
        new ExpertSource.Nodes(proxies.stream().map(FaultProxy::endpoint).toList()), ComputeSettings.usual(),
        SchedulerLimits.DEFAULTS, PlacementGoals.of(size.replicas())));
    assertThat(coordinator.awaitExperts(PATIENCE)).isTrue();
    awaitReplicas(PATIENCE);
  }

  /// Starts one node more.
  void addExpertNode() {
    int node = nodes.size();
    addExpertNode(() -> driver.start("node-" + node, proxies.get(node)));
  }

  /// Starts one process more, which has no checkpoint.
  ///
  /// @param from node that tells it about the model
  /// @param cache where it keeps what it loads from others
  void addExpertNode(int from, Path cache) {
    int node = nodes.size();
    addExpertNode(() -> ((ProcessNodes) driver).start("node-" + node, List.of("--from-peers", nodes.get(from)
        .endpoint(), "--shard-cache", cache.toString())));
  }

  private void addExpertNode(Supplier<TestNode> starter) {
    starters.add(starter);
    nodes.add(starter.get());
    proxies.get(nodes.size() - 1).leadTo(nodes.getLast().endpoint());
  }

  /// Ends a node as `kill -9` does.
  void kill(int node) throws InterruptedException {
    nodes.get(node).kill();
  }

  /// Freezes a node as SIGSTOP does.
  void pause(int node) throws InterruptedException {
    nodes.get(node).pause();
  }

  void resume(int node) throws InterruptedException {
    nodes.get(node).resume();
  }

  /// Cuts a node off in both directions, without a word, until [#resume].
  void partition(int node) {
    wire(node).stall(FaultProxy.Direction.values());
  }

  /// Has a node leave as SIGTERM does.
  ///
  /// @return its exit code
  int terminate(int node) throws InterruptedException {
    return nodes.get(node).terminate(PATIENCE);
  }

  /// Starts a node again that was killed or has left, under its name and address.
  void restart(int node) {
    nodes.set(node, starters.get(node).get());
    proxies.get(node).leadTo(nodes.get(node).endpoint());
  }

  /// Process id of a node.
  long pid(int node) {
    return nodes.get(node).pid();
  }

  /// The wire to a node.
  FaultProxy wire(int node) {
    return proxies.get(node);
  }

  Coordinator coordinator() {
    return coordinator;
  }

  /// State of a node, in lower case; empty: it is not known.
  String state(int node) {
    return coordinator.cluster().nodes().stream().filter(known -> known.nodeId().equals("node-" + node))
        .map(known -> known.state().name().toLowerCase(Locale.ROOT)).findFirst().orElse("");
  }

  /// Shards that a node holds.
  int shards(int node) {
    return coordinator.cluster().nodes().stream().filter(known -> known.nodeId().equals("node-" + node))
        .mapToInt(NodeStatus::shards).findFirst().orElse(0);
  }

  void awaitReplicas(Duration bound) {
    await().atMost(bound).until(() -> coordinator.cluster().underReplicated().isEmpty());
  }

  /// Submits requests all at once.
  List<Trace> submit(List<DenoisingRequest> requests) {
    List<Trace> traces = new ArrayList<>();
    for (DenoisingRequest request : requests) {
      Trace trace = new Trace();
      coordinator.scheduler().submit(request, trace);
      traces.add(trace);
    }
    return traces;
  }

  @Override
  public void close() throws IOException {
    coordinator.close();
    nodes.forEach(TestNode::stop);
    for (FaultProxy proxy : proxies) {
      proxy.close();
    }
    driver.close();
  }
}
