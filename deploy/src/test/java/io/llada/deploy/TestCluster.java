package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.deploy.local.NodeProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/// A coordinator in this process and expert nodes as processes of their own, each behind a [FaultProxy]: what can happen
/// to a node, as methods.
final class TestCluster implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Path model;
  private final List<FaultProxy> proxies = new ArrayList<>();
  private final List<NodeProcess> nodes = new ArrayList<>();
  private final List<List<String>> arguments = new ArrayList<>();
  private final Coordinator coordinator;

  /// Starts a cluster and waits until every shard has its replicas.
  ///
  /// @param model checkpoint directory
  /// @param count expert nodes
  /// @param spare nodes that may be added later
  /// @param replicas nodes that hold each shard
  TestCluster(Path model, int count, int spare, int replicas) throws Exception {
    this.model = model;
    for (int i = 0; i < count + spare; i++) {
      proxies.add(new FaultProxy(i));
    }
    for (int i = 0; i < count; i++) {
      addExpertNode();
    }
    coordinator = Coordinator.open(new CoordinatorSettings("test", model,
        new ExpertSource.Nodes(proxies.stream().map(FaultProxy::endpoint).toList()), ComputeSettings.usual(),
        SchedulerLimits.DEFAULTS, PlacementGoals.of(replicas)));
    assertThat(coordinator.awaitExperts(PATIENCE)).isTrue();
    awaitReplicas(PATIENCE);
  }

  /// Starts one node more.
  void addExpertNode() {
    addExpertNode(List.of("--model", model.toString()));
  }

  /// Starts one node more, which has no checkpoint.
  ///
  /// @param from node that tells it about the model
  /// @param cache where it keeps what it loads from others
  void addExpertNode(int from, Path cache) {
    addExpertNode(List.of("--from-peers", nodes.get(from).endpoint(), "--shard-cache", cache.toString()));
  }

  private void addExpertNode(List<String> source) {
    int node = nodes.size();
    arguments.add(source);
    nodes.add(start(node));
    proxies.get(node).leadTo(nodes.get(node).endpoint());
  }

  private NodeProcess start(int node) {
    List<String> all = new ArrayList<>(arguments.get(node));
    all.addAll(List.of("--id", "node-" + node, "--host", "127.0.0.1", "--port", "0", "--threads", "1"));
    return NodeProcess.start(all, List.of());
  }

  /// Ends a node as `kill -9` does.
  void kill(int node) throws InterruptedException {
    signal(node, "-KILL");
  }

  /// Freezes a node as SIGSTOP does.
  void pause(int node) throws InterruptedException {
    signal(node, "-STOP");
  }

  void resume(int node) throws InterruptedException {
    signal(node, "-CONT");
  }

  private void signal(int node, String signal) throws InterruptedException {
    try {
      Process kill = new ProcessBuilder("kill", signal, "" + nodes.get(node).pid()).start();
      assertThat(kill.waitFor(10, TimeUnit.SECONDS)).isTrue();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /// Has a node leave as SIGTERM does.
  ///
  /// @return its exit code
  int terminate(int node) throws InterruptedException {
    nodes.get(node).terminate();
    return nodes.get(node).awaitExit(PATIENCE);
  }

  /// Starts a node again that was killed or has left, under its name and address.
  void restart(int node) {
    nodes.set(node, start(node));
    proxies.get(node).leadTo(nodes.get(node).endpoint());
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
    nodes.forEach(NodeProcess::stop);
    for (FaultProxy proxy : proxies) {
      proxy.close();
    }
  }
}
