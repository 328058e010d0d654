package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.cluster.FreePorts;
import io.llada.cluster.HazelcastRegistry;
import io.llada.cluster.RegistrySettings;
import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.NodeStatus;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.deploy.local.LocalCluster;
import io.llada.deploy.local.NodeProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A coordinator and its nodes, all of them clients of a registry that goes away and comes back.
class RegistryFaultsIT {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final String HOST = "127.0.0.1";
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  /// Longer than a lease lives; much longer where it is run by hand: `-Dfaults.registryAwaySeconds=600`.
  private static final Duration AWAY = Duration.ofSeconds(Integer.getInteger("faults.registryAwaySeconds", 20));

  private final List<NodeProcess> nodes = new ArrayList<>();
  private int port;
  private HazelcastRegistry member;
  private Coordinator coordinator;

  private void start() throws IOException, InterruptedException {
    port = FreePorts.find(HOST, 1).getFirst();
    openRegistry();
    for (int i = 0; i < 3; i++) {
      addNode();
    }
    coordinator = Coordinator.open(new CoordinatorSettings("test", MODEL,
        new ExpertSource.Registered(RegistrySettings.client(LocalCluster.GRID, List.of(HOST + ":" + port))),
        ComputeSettings.usual(), SchedulerLimits.DEFAULTS, PlacementGoals.of(2)));
    assertThat(coordinator.awaitExperts(PATIENCE)).isTrue();
    await().atMost(PATIENCE).until(() -> readyNodes() == 3);
  }

  private void openRegistry() {
    member = HazelcastRegistry.open(RegistrySettings.member(LocalCluster.GRID, HOST, port, List.of()));
  }

  private void addNode() {
    nodes.add(NodeProcess.start(List.of("--model", MODEL.toString(), "--id", "node-" + nodes.size(), "--host", HOST,
        "--port", "0", "--threads", "1", "--registry", HOST + ":" + port), List.of()));
  }

  private long readyNodes() {
    return coordinator.cluster().nodes().stream().filter(node -> node.state() == NodeStatus.State.READY).count();
  }

  @AfterEach
  void stop() {
    if (coordinator != null) {
      coordinator.close();
    }
    nodes.forEach(NodeProcess::stop);
    member.close();
  }

  private List<String> run() throws IOException {
    List<Trace> traces = new ArrayList<>();
    for (DenoisingRequest request : Trace.requests()) {
      Trace trace = new Trace();
      coordinator.scheduler().submit(request, trace);
      traces.add(trace);
    }
    return traces.stream().map(Trace::await).toList();
  }

  @Test
  void theClusterServesOnWithoutItsRegistrySaysSoAndHeals() throws Exception {
    start();
    List<String> undisturbed = run();
    assertThat(coordinator.cluster().registry()).isEqualTo("fresh");

    member.close();
    long goneAt = System.nanoTime();
    await().atMost(PATIENCE).until(() -> coordinator.cluster().registry().startsWith("stale"));
    int rounds = 0;
    while (System.nanoTime() - goneAt < AWAY.toNanos()) {
      assertThat(run()).isEqualTo(undisturbed);
      rounds++;
    }
    assertThat(readyNodes()).isEqualTo(3);

    // A node that dies meanwhile is no harder to lose than at other times.
    nodes.get(0).stop();
    assertThat(run()).isEqualTo(undisturbed);
    await().atMost(PATIENCE).until(() -> coordinator.cluster().underReplicated().isEmpty());
    assertThat(run()).isEqualTo(undisturbed);

    openRegistry();
    await().atMost(PATIENCE).until(() -> coordinator.cluster().registry().equals("fresh"));
    addNode();
    await().atMost(PATIENCE).until(() -> readyNodes() == 3);
    assertThat(run()).isEqualTo(undisturbed);
    System.out.printf("%d rounds of %d requests without a registry%n", rounds, Trace.requests().size());
  }
}
