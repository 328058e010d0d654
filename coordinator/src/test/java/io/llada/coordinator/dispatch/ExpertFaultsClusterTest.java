package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.llada.cluster.InMemoryRegistry;
import io.llada.cluster.LeaseTracker;
import io.llada.cluster.NodeIdTakenException;
import io.llada.coordinator.placement.NodeDirectory;
import io.llada.coordinator.placement.NodeStatus;
import io.llada.expertnode.ExpertNodeModel;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.expertnode.ExpertNodeSettings;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.proto.internal.v1.ExpertControlGrpc;
import io.llada.proto.internal.v1.PlacementShards;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Nodes that die, freeze, forget, are full or are spoken to through a bad wire.
class ExpertFaultsClusterTest {
  private static final ActivationType TYPE = ActivationType.BF16;
  private static final int TOKENS = 24;
  private static final Duration TWO_SECONDS = Duration.ofSeconds(2);

  private final TinyCluster tiny = new TinyCluster();
  private final ExecutorService callers = Executors
      .newThreadPerTaskExecutor(Thread.ofVirtual().name("caller-", 0).factory());

  @AfterEach
  void close() {
    callers.shutdownNow();
    tiny.close();
  }

  @Test
  void theOnlyNodeKilledMidCallIsAnErrorWithinTwoSecondsAndServesAgainAfterItsRestart() throws Exception {
    CountDownLatch computing = new CountDownLatch(1);
    ExpertNodeServer node = tiny.node("node-0", 0, stuck(computing, new CountDownLatch(1)), capacity());
    int port = Integer.parseInt(node.endpoint().split(":")[1]);
    ExpertCluster cluster = covered(List.of(node.endpoint()));
    Future<float[]> call = callers.submit(() -> layer(cluster));
    assertThat(computing.await(10, TimeUnit.SECONDS)).isTrue();

    long killedAt = System.nanoTime();
    node.close();

    assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS)).cause().isInstanceOf(ExpertsUnavailableException.class)
        .hasMessageContaining("layer 2 groups [0, 1, 2, 3]").hasMessageContaining("node-0")
        .hasMessageContaining("no other owner");
    assertThat(Duration.ofNanos(System.nanoTime() - killedAt)).isLessThan(TWO_SECONDS);
    await().atMost(TinyCluster.PATIENCE).until(() -> !cluster.placement().coversEveryShard());

    tiny.node("node-0", port, tiny.nodeModel, capacity());
    await().atMost(TinyCluster.PATIENCE).ignoreExceptions().until(() -> layer(cluster).length > 0);
    assertThat(layer(cluster)).isEqualTo(local());
    assertThat(cluster.placement().nodes()).extracting(NodeStatus::state).containsExactly(NodeStatus.State.READY);
  }

  @Test
  void aCallWhoseNodeDiesIsFinishedBySurvivorsWithTheSameBits() throws Exception {
    CountDownLatch computing = new CountDownLatch(1);
    ExpertNodeServer dying = tiny.node("node-0", 0, stuck(computing, new CountDownLatch(1)), capacity());
    ExpertCluster cluster = covered(List.of(dying.endpoint(), tiny.node("node-1").endpoint()));
    Future<float[]> call = callers.submit(() -> layer(cluster));
    assertThat(computing.await(10, TimeUnit.SECONDS)).isTrue();

    dying.close();

    assertThat(call.get(10, TimeUnit.SECONDS)).isEqualTo(local());
    assertThat(cluster.placement().nodes()).extracting(NodeStatus::state).containsExactlyInAnyOrder(
        NodeStatus.State.LOST, NodeStatus.State.READY);
  }

  @Test
  void aFrozenNodeIsSuspectedAndReplaced() throws Exception {
    try (FaultRelay relay = new FaultRelay(tiny.node("node-0").endpoint())) {
      ExpertCluster cluster = covered(List.of(relay.endpoint(), tiny.node("node-1").endpoint()));
      relay.mute();
      long frozenAt = System.nanoTime();

      assertThatThrownBy(() -> layer(cluster)).isInstanceOf(ExpertsUnavailableException.class)
          .hasMessageContaining("node-0").hasMessageContaining("not heard for 2000 ms");
      assertThat(Duration.ofNanos(System.nanoTime() - frozenAt)).isLessThan(Duration.ofSeconds(3));

      await().atMost(TinyCluster.PATIENCE).ignoreExceptions().until(() -> layer(cluster).length > 0);
      assertThat(layer(cluster)).isEqualTo(local());
    }
  }

  @Test
  void aChangedBitOnTheWayInOrOutIsRepeatedUnnoticed() throws Exception {
    try (FaultRelay relay = new FaultRelay(tiny.node("node-0").endpoint())) {
      ExpertCluster cluster = covered(List.of(relay.endpoint()));

      relay.spoil(FaultRelay.DISPATCH, 2);
      assertThat(layer(cluster)).isEqualTo(local());
      assertThat(relay.leftToSpoil()).isZero();

      relay.spoil(FaultRelay.RESULT, 2);
      assertThat(layer(cluster)).isEqualTo(local());
      assertThat(relay.leftToSpoil()).isZero();
    }
  }

  @Test
  void aWireThatSpoilsEverythingIsAnErrorThatSaysSo() throws Exception {
    try (FaultRelay relay = new FaultRelay(tiny.node("node-0").endpoint())) {
      ExpertCluster cluster = covered(List.of(relay.endpoint()));
      relay.spoil(FaultRelay.RESULT, Integer.MAX_VALUE);

      assertThatThrownBy(() -> layer(cluster)).isInstanceOf(ExpertsUnavailableException.class)
          .hasMessageContaining("BAD_CHECKSUM").hasMessageContaining("20 attempts are the limit");
    }
  }

  @Test
  void aNodeThatLetGoOfItsShardsIsGivenThemAgain() throws Exception {
    String endpoint = tiny.node("node-0").endpoint();
    ExpertCluster cluster = covered(List.of(endpoint));
    ManagedChannel other = NettyChannelBuilder.forTarget("dns:///" + endpoint, InsecureChannelCredentials.create())
        .build();
    try {
      long newer = cluster.placement().placement().epoch() + 5;
      ExpertControlGrpc.newBlockingStub(other).activate(PlacementShards.newBuilder().setEpoch(newer)
          .setModelDigest(tiny.checkpoint.digest()).build());

      assertThat(layer(cluster)).isEqualTo(local());
      assertThat(cluster.placement().placement().epoch()).isGreaterThan(newer);
    } finally {
      other.shutdownNow();
    }
  }

  @Test
  void aFullNodeIsAskedAgain() throws Exception {
    CountDownLatch computing = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    ExpertNodeSettings narrow = new ExpertNodeSettings("node-0", "127.0.0.1", 0, Optional.empty(), capacity(), 1_024, 1,
        8);
    ExpertCluster cluster = covered(
        List.of(tiny.node(narrow, stuck(computing, goOn), Optional.empty()).endpoint()));
    List<Future<float[]>> calls = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      calls.add(callers.submit(() -> layer(cluster)));
    }
    assertThat(computing.await(10, TimeUnit.SECONDS)).isTrue();
    await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().nodes().getFirst().queueDepth() == 1);
    goOn.countDown();

    for (Future<float[]> call : calls) {
      assertThat(call.get(10, TimeUnit.SECONDS)).isEqualTo(local());
    }
  }

  @Test
  void aNodeWithAnotherModelOrArithmeticIsLeftOutAndSaysWhy() throws Exception {
    ExpertNodeModel good = tiny.nodeModel;
    ExpertNodeModel otherModel = new ExpertNodeModel("0000", good.numericsClass(), good.device(), good.hiddenSize(),
        good.moe(),
        good.shards(), good.shardBytes(), good.source(), good.computation());
    ExpertNodeModel otherNumerics = new ExpertNodeModel(good.digest(), "gpu-f16", good.device(), good.hiddenSize(),
        good.moe(),
        good.shards(), good.shardBytes(), good.source(), good.computation());
    ExpertCluster cluster = covered(List.of(tiny.node("node-0").endpoint(),
        tiny.node("node-1", 0, otherModel, capacity()).endpoint(),
        tiny.node("node-2", 0, otherNumerics, capacity()).endpoint()));

    assertThat(layer(cluster)).isEqualTo(local());
    await().atMost(TinyCluster.PATIENCE).untilAsserted(() -> assertThat(cluster.placement().nodes())
        .filteredOn(node -> node.state() == NodeStatus.State.REFUSED).extracting(NodeStatus::detail)
        .anyMatch(detail -> detail.contains("checkpoint 0000")).anyMatch(detail -> detail.contains("gpu-f16"))
        .hasSize(2));
  }

  @Test
  void tooLittleMemoryLeavesShardsUncoveredAndMoreNodesCoverThem() throws Exception {
    long half = capacity() / 2;
    ExpertNodeServer first = tiny.node("node-0", 0, tiny.nodeModel, half);
    List<String> endpoints = new CopyOnWriteArrayList<>(List.of(first.endpoint()));
    ExpertCluster cluster = tiny.cluster(DispatchSettings.of("test-coordinator", TYPE), () -> endpoints,
        Optional.empty());
    await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().missing().size() == 8);
    assertThat(cluster.placement().awaitCovered(Duration.ofMillis(50))).isFalse();

    endpoints.add(tiny.node("node-1", 0, tiny.nodeModel, half).endpoint());

    assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
    assertThat(layer(cluster)).isEqualTo(local());
  }

  @Test
  void nodesAreFoundByTheirLeasesAndLeaveWithoutFailingACall() throws Exception {
    float[] local = local();
    InMemoryRegistry registry = new InMemoryRegistry();
    try (LeaseTracker tracker = new LeaseTracker(registry, System::nanoTime)) {
      tracker.start();
      ExpertNodeSettings settings = ExpertNodeSettings.of("node-0", "127.0.0.1", 0, capacity());
      ExpertNodeServer first = tiny.node(settings, tiny.nodeModel, Optional.of(registry));
      ExpertCluster cluster = tiny.cluster(DispatchSettings.of("test-coordinator", TYPE), NodeDirectory.of(tracker),
          Optional.of(registry));
      assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
      await().atMost(TinyCluster.PATIENCE).until(() -> registry.placement().isPresent());
      assertThat(layer(cluster)).isEqualTo(local());

      assertThatThrownBy(() -> tiny.node(settings, tiny.nodeModel, Optional.of(registry)))
          .isInstanceOf(NodeIdTakenException.class);

      tiny.node(ExpertNodeSettings.of("node-1", "127.0.0.1", 0, capacity()), tiny.nodeModel, Optional.of(registry));
      await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().nodes().size() == 2);
      Future<Boolean> drained = callers.submit(() -> first.drain(Duration.ofSeconds(20)));
      while (!drained.isDone()) {
        assertThat(layer(cluster)).isEqualTo(local);
        assertThat(cluster.placement().coversEveryShard()).isTrue();
      }
      assertThat(drained.get()).isTrue();
      first.close();
      assertThat(layer(cluster)).isEqualTo(local);
      assertThat(cluster.placement().nodes()).extracting(NodeStatus::nodeId).containsExactly("node-1");
    }
  }

  @Test
  void anotherCoordinatorUsesThePlacementThatIsThere() throws Exception {
    List<String> endpoints = List.of(tiny.node("node-0").endpoint(), tiny.node("node-1").endpoint());
    ExpertCluster first = covered(endpoints);
    ExpertCluster second = covered(endpoints);

    assertThat(second.placement().placement()).isEqualTo(first.placement().placement());
    assertThat(layer(second)).isEqualTo(local());
  }

  private ExpertCluster covered(List<String> endpoints) throws InterruptedException {
    ExpertCluster cluster = tiny.cluster(TYPE, endpoints);
    assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
    return cluster;
  }

  private long capacity() {
    return tiny.nodeModel.shardBytes() * tiny.nodeModel.shards().size();
  }

  /// A model whose computations wait.
  private ExpertNodeModel stuck(CountDownLatch computing, CountDownLatch goOn) {
    ExpertNodeModel good = tiny.nodeModel;
    return new ExpertNodeModel(good.digest(), good.numericsClass(), good.device(), good.hiddenSize(), good.moe(),
        good.shards(),
        good.shardBytes(), good.source(), (batch, shards) -> {
          computing.countDown();
          try {
            goOn.await(10, TimeUnit.SECONDS);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          return good.computation().compute(batch, shards);
        });
  }

  private static float[] layer(ExpertCluster cluster) {
    return TinyCluster.layer(cluster.experts(), 3, TOKENS);
  }

  private float[] local() {
    return TinyCluster.layer(tiny.local(TYPE), 3, TOKENS);
  }
}
