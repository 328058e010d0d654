package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.placement.NodeDirectory;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.Experts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/// Nodes are killed and started again, one at a time, while layers are computed without a pause.
class NodeChurnClusterTest {
  private static final long SEED = 20_261_122;
  private static final int NODES = 3;
  private static final int KILLS = 6;
  private static final int CALLERS = 3;
  private static final int TOKENS = 20;

  @Test
  void noCallFailsAndNoBitChanges() throws Exception {
    try (TinyCluster tiny = new TinyCluster();
        ExecutorService callers = Executors
            .newThreadPerTaskExecutor(Thread.ofVirtual().name("churn-caller-", 0).factory())) {
      List<ExpertNodeServer> nodes = new ArrayList<>();
      for (int i = 0; i < NODES; i++) {
        nodes.add(tiny.node("node-" + i));
      }
      List<String> endpoints = nodes.stream().map(ExpertNodeServer::endpoint).toList();
      // As the design says for service: up to 10 s for the plan to change.
      DispatchSettings patient = new DispatchSettings("churn", ActivationType.BF16, 512, 128, Duration.ofSeconds(60),
          Duration.ofSeconds(20), Duration.ofSeconds(10), 200);
      ExpertCluster cluster = tiny.cluster(patient, NodeDirectory.of(endpoints), Optional.empty());
      assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();

      AtomicBoolean over = new AtomicBoolean();
      Experts local = tiny.local(ActivationType.BF16);
      List<Future<Integer>> calls = new ArrayList<>();
      for (int caller = 0; caller < CALLERS; caller++) {
        long seed = caller;
        float[] expected = TinyCluster.layer(local, seed, TOKENS);
        calls.add(callers.submit(() -> computeUntil(over, cluster.experts(), seed, expected)));
      }
      churn(tiny, nodes, cluster);
      over.set(true);

      for (Future<Integer> call : calls) {
        assertThat(call.get(30, TimeUnit.SECONDS)).as("layers computed, seed %d", SEED).isGreaterThan(KILLS);
      }
    }
  }

  private static int computeUntil(AtomicBoolean over, Experts experts, long seed, float[] expected) {
    int computed = 0;
    while (!over.get()) {
      assertThat(TinyCluster.layer(experts, seed, TOKENS)).isEqualTo(expected);
      computed++;
    }
    return computed;
  }

  private static void churn(TinyCluster tiny, List<ExpertNodeServer> nodes, ExpertCluster cluster) {
    Random random = new Random(SEED);
    for (int kill = 0; kill < KILLS; kill++) {
      int victim = random.nextInt(NODES);
      int port = Integer.parseInt(nodes.get(victim).endpoint().split(":")[1]);
      long epoch = cluster.placement().placement().epoch();
      nodes.get(victim).close();
      await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().placement().epoch() > epoch);
      long without = cluster.placement().placement().epoch();
      nodes.set(victim, tiny.node("node-" + victim, port, tiny.nodeModel,
          tiny.nodeModel.shardBytes() * tiny.nodeModel.shards().size()));
      await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().placement().epoch() > without);
    }
  }
}
