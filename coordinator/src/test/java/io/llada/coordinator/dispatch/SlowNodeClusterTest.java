package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.placement.NodeDirectory;
import io.llada.coordinator.placement.NodeStatus;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.coordinator.placement.Proposal;
import io.llada.coordinator.placement.Rebalancing;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.Experts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// One of four nodes computes ten times slower than the others. All are throttled, so that it is the nodes that limit,
/// and not the machine they share.
class SlowNodeClusterTest {
  private static final ActivationType TYPE = ActivationType.BF16;
  private static final double PAIRS_PER_SECOND = 20_000;
  private static final int NODES = 4;
  private static final int TOKENS = 96;
  private static final int FIRST_LAYER = 1;
  private static final int LAYERS = 4;
  private static final int ROUNDS = 40;
  private static final Rebalancing QUICK = new Rebalancing(1.25, Duration.ofMillis(300), Duration.ofSeconds(2), 0.5,
      Duration.ofMinutes(2));
  private static final Rebalancing NEVER = new Rebalancing(1.25, Duration.ofHours(1), Duration.ofHours(1), 0.5,
      Duration.ofMinutes(2));

  private final TinyCluster tiny = new TinyCluster();
  private List<float[]> expected;

  @BeforeEach
  void computeHere() {
    expected = layers(tiny.local(TYPE));
  }

  @AfterEach
  void close() {
    tiny.close();
  }

  private static List<float[]> layers(Experts experts) {
    List<float[]> out = new ArrayList<>();
    for (int layer = FIRST_LAYER; layer < FIRST_LAYER + LAYERS; layer++) {
      float[] sums = new float[TOKENS * TinyCluster.HIDDEN_SIZE];
      experts.dispatch(layer, TinyCluster.rows(layer, TOKENS), TinyCluster.routing(layer, TOKENS)).addTo(sums);
      out.add(sums);
    }
    return out;
  }

  private ExpertCluster cluster(String name, int nodes, int slow, int replicas, Rebalancing rebalancing)
      throws InterruptedException {
    List<String> endpoints = new ArrayList<>();
    for (int i = 0; i < nodes; i++) {
      double rate = i < slow ? PAIRS_PER_SECOND / 10 : PAIRS_PER_SECOND;
      ExpertNodeServer node = tiny.node(name + "-" + i, 0, tiny.nodeModel.throttled(rate),
          tiny.nodeModel.shardBytes() * tiny.nodeModel.shards().size());
      endpoints.add(node.endpoint());
    }
    ExpertCluster cluster = tiny.cluster(DispatchSettings.of(name, TYPE),
        TinyCluster.placing(name, PlacementGoals.of(replicas), rebalancing), NodeDirectory.of(endpoints),
        Optional.empty());
    assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
    await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().underReplicated().isEmpty());
    return cluster;
  }

  /// Layers a second.
  private double run(ExpertCluster cluster, int rounds) {
    long begun = System.nanoTime();
    for (int round = 0; round < rounds; round++) {
      List<float[]> found = layers(cluster.experts());
      for (int i = 0; i < LAYERS; i++) {
        assertThat(found.get(i)).isEqualTo(expected.get(i));
      }
    }
    return rounds * LAYERS * 1e9 / (System.nanoTime() - begun);
  }

  private static Map<String, Long> pairs(ExpertCluster cluster) {
    return cluster.placement().nodes().stream()
        .collect(Collectors.toMap(NodeStatus::nodeId, node -> node.work().traffic().pairs()));
  }

  @Test
  void withTwoReplicasItGetsALesserShareOfThePairsAtOnce() throws Exception {
    ExpertCluster without = cluster("without", NODES - 1, 0, 2, NEVER);
    ExpertCluster with = cluster("with", NODES, 1, 2, NEVER);
    run(without, 5);
    run(with, 5);

    Map<String, Long> before = pairs(with);
    double three = run(without, ROUNDS);
    double four = run(with, ROUNDS);
    Map<String, Long> after = pairs(with);

    double all = after.keySet().stream().mapToLong(node -> after.get(node) - before.get(node)).sum();
    double share = (after.get("with-0") - before.get("with-0")) / all;
    System.out.printf(
        "a node ten times slower, 2 replicas: %.1f %% of the pairs, %.1f layers/s, %.1f without it: %.2f%n",
        100 * share, four, three, four / three);
    assertThat(share).isLessThan(1.0 / NODES / 3);
  }

  @Test
  void withOneReplicaAPlanMovesShardsAwayFromItAndNothingElse() throws Exception {
    ExpertCluster cluster = cluster("one", NODES, 1, 1, QUICK);
    long epoch = cluster.placement().placement().epoch();
    int held = held(cluster, "one-0");
    double slow = run(cluster, 3);

    await().atMost(TinyCluster.PATIENCE.multipliedBy(3)).until(() -> {
      run(cluster, 1);
      return held(cluster, "one-0") < held;
    });
    await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().counts().imbalance() < 1.8);
    assertThat(cluster.placement().placement().epoch()).isGreaterThan(epoch);
    assertThat(speed(cluster, "one-0")).isLessThan(0.5);
    double balanced = run(cluster, 5);
    System.out.printf("a node ten times slower, 1 replica: %.1f layers/s before its shards moved, %.1f after%n", slow,
        balanced);
    assertThat(cluster.failovers()).isZero();

    // Whoever asks is told the same, and a plan that is followed is not made again.
    Proposal proposal = cluster.placement().propose(Proposal.Intent.LOOK).get(10, TimeUnit.SECONDS);
    assertThat(proposal.shares()).extracting(Proposal.Share::nodeId).containsExactly("one-0", "one-1", "one-2",
        "one-3");
    assertThat(proposal.shares().getFirst().shardsThen()).isLessThan(held);
  }

  @Test
  void aPlanThatIsAskedForIsToldAndCarriedOut() throws Exception {
    ExpertCluster cluster = cluster("asked", NODES, 1, 1, NEVER);
    run(cluster, 3);
    await().atMost(TinyCluster.PATIENCE.multipliedBy(3)).until(() -> {
      run(cluster, 1);
      return speed(cluster, "asked-0") < 0.2;
    });
    long epoch = cluster.placement().placement().epoch();

    Proposal told = cluster.placement().propose(Proposal.Intent.LOOK).get(10, TimeUnit.SECONDS);
    assertThat(told.isChange()).isTrue();
    assertThat(told.bytesToMove()).isPositive().isLessThanOrEqualTo(8 * tiny.nodeModel.shardBytes());
    assertThat(told.imbalanceThen()).isLessThan(told.imbalanceNow());
    assertThat(cluster.placement().placement().epoch()).isEqualTo(epoch);

    assertThat(cluster.placement().propose(Proposal.Intent.CARRY_OUT).get(10, TimeUnit.SECONDS).isChange()).isTrue();
    await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().placement().epoch() == epoch + 1
        && held(cluster, "asked-0") == told.shares().getFirst().shardsThen());
    run(cluster, 1);
    assertThat(cluster.placement().counts().made()).isEqualTo(2);
  }

  private static int held(ExpertCluster cluster, String node) {
    return (int) cluster.placement().placement().owners().values().stream().filter(owners -> owners.contains(node))
        .count();
  }

  private static double speed(ExpertCluster cluster, String node) {
    return cluster.placement().nodes().stream().filter(known -> known.nodeId().equals(node))
        .mapToDouble(known -> known.work().speed()).findFirst().orElseThrow();
  }
}
