package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.placement.NodeStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Expert nodes leave on SIGTERM and come back while requests run without a pause: no request fails, every trace is the
/// one of an undisturbed run, bit for bit, and every process ends with exit code 0.
class NodeLeavesIT {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestCluster cluster;
  private List<DenoisingRequest> requests;
  private List<String> undisturbed;
  private final AtomicBoolean isOver = new AtomicBoolean();

  void start(int nodes, int spare, int replicas) throws Exception {
    cluster = new TestCluster(MODEL, new TestCluster.Size(nodes, spare, replicas), new ProcessNodes(MODEL));
    requests = Trace.requests();
    undisturbed = run();
    assertThat(run()).isEqualTo(undisturbed);
  }

  @AfterEach
  void stop() throws Exception {
    isOver.set(true);
    cluster.close();
  }

  private List<String> run() {
    return cluster.submit(requests).stream().map(Trace::await).toList();
  }

  /// Runs requests again and again until it is over.
  ///
  /// @return how many ended as they should
  private CompletableFuture<Integer> load() {
    return CompletableFuture.supplyAsync(() -> {
      int ended = 0;
      for (; !isOver.get(); ended += requests.size()) {
        assertThat(run()).isEqualTo(undisturbed);
      }
      return ended;
    });
  }

  @Test
  void aNodeWithoutACheckpointJoinsLeavesAndComesBackWithItsCacheUnderLoad(@TempDir Path cache) throws Exception {
    start(3, 1, 2);
    CompletableFuture<Integer> load = load();
    cluster.addExpertNode(1, cache);
    await().atMost(PATIENCE).until(() -> cluster.state(3).equals("ready") && shards(3) > 0);
    cluster.awaitReplicas(PATIENCE);
    int held = shards(3);
    await().atMost(PATIENCE).until(() -> files(cache) >= held);
    assertThat(cluster.terminate(3)).isZero();

    cluster.restart(3);
    await().atMost(PATIENCE).until(() -> cluster.state(3).equals("ready") && shards(3) > 0);
    cluster.awaitReplicas(PATIENCE);
    isOver.set(true);
    System.out.printf("a node without a checkpoint took %d shards, %d requests undisturbed%n", held, load.get(1,
        TimeUnit.MINUTES));
  }

  private int shards(int node) {
    return cluster.coordinator().cluster().nodes().stream().filter(known -> known.nodeId().equals("node-" + node))
        .mapToInt(NodeStatus::shards).sum();
  }

  private static long files(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      return files.filter(file -> file.toString().endsWith(".shard")).count();
    }
  }

  /// Once and in turn all: with a second replica elsewhere, or as the only owner of its shards.
  @ParameterizedTest
  @CsvSource({"4, 2, 1", "3, 1, 1", "3, 2, 3"})
  void nodesLeaveAndComeBackUnderLoad(int nodes, int replicas, int restarts) throws Exception {
    start(nodes, 0, replicas);
    CompletableFuture<Integer> load = load();
    List<Long> millis = new ArrayList<>();
    for (int i = 0; i < restarts; i++) {
      int node = i;
      long begun = System.nanoTime();
      CompletableFuture<Void> announced = CompletableFuture.runAsync(
          () -> await().pollInterval(Duration.ofMillis(5)).atMost(PATIENCE).until(() -> {
            assertThat(cluster.coordinator().cluster().missing()).isEmpty();
            return cluster.state(node).equals("draining");
          }));
      assertThat(cluster.terminate(node)).isZero();
      announced.get(1, TimeUnit.SECONDS);
      millis.add(Duration.ofNanos(System.nanoTime() - begun).toMillis());
      assertThat(cluster.coordinator().cluster().missing()).isEmpty();
      cluster.restart(node);
      await().atMost(PATIENCE).until(() -> cluster.state(node).equals("ready"));
      cluster.awaitReplicas(PATIENCE);
    }
    isOver.set(true);
    System.out.printf("%d nodes, %d replicas: %d restarts, drained in %s ms, %d requests undisturbed%n", nodes,
        replicas,
        restarts, millis, load.get(1, TimeUnit.MINUTES));
  }
}
