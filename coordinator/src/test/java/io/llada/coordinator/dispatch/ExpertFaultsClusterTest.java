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
import io.llada.coordinator.placement.Placement;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.expertnode.ExpertNodeModel;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.expertnode.ExpertNodeSettings;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.ExpertOutline;
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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Nodes that die, freeze, forget, are full or are spoken to through a bad wire.
class ExpertFaultsClusterTest {
  private static final ActivationType TYPE = ActivationType.BF16;
  private static final int TOKENS = 24;

  private final TinyCluster tiny = new TinyCluster();
  private final ExecutorService callers = Executors
      .newThreadPerTaskExecutor(Thread.ofVirtual().name("caller-", 0).factory());

  @AfterEach
  void close() {
    callers.shutdownNow();
    tiny.close();
  }

  @Test
  void theOnlyNodeKilledMidCallIsAnErrorWhenPatienceEndsAndServesAgainAfterItsRestart() throws Exception {
    CountDownLatch computing = new CountDownLatch(1);
    ExpertNodeServer node = tiny.node("node-0", 0, stuck(computing, new CountDownLatch(1)), capacity());
    int port = Integer.parseInt(node.endpoint().split(":")[1]);
    Duration patience = Duration.ofMillis(700);
    ExpertCluster cluster = covered(impatient(patience), PlacementGoals.SINGLE, List.of(node.endpoint()));
    Future<float[]> call = callers.submit(() -> layer(cluster));
    assertThat(computing.await(10, TimeUnit.SECONDS)).isTrue();

    node.close();

    assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS)).cause().isInstanceOf(ExpertsUnavailableException.class)
        .hasMessageContaining("layer 2 groups [0, 1, 2, 3]").hasMessageContaining("node-0")
        .hasMessageContaining("no other owner within 700 ms");
    await().atMost(TinyCluster.PATIENCE).until(() -> !cluster.placement().coversEveryShard());

    tiny.node("node-0", port, tiny.nodeModel, capacity());
    await().atMost(TinyCluster.PATIENCE).ignoreExceptions().until(() -> layer(cluster).length > 0);
    assertThat(layer(cluster)).isEqualTo(local());
    assertThat(cluster.placement().nodes()).extracting(NodeStatus::state).containsExactly(NodeStatus.State.READY);
  }

  @Test
  void theOnlyNodeKilledMidCallIsWaitedForWhileItStartsAgain() throws Exception {
    CountDownLatch computing = new CountDownLatch(1);
    ExpertNodeServer node = tiny.node("node-0", 0, stuck(computing, new CountDownLatch(1)), capacity());
    int port = Integer.parseInt(node.endpoint().split(":")[1]);
    ExpertCluster cluster = covered(List.of(node.endpoint()));
    Future<float[]> call = callers.submit(() -> layer(cluster));
    assertThat(computing.await(10, TimeUnit.SECONDS)).isTrue();

    node.close();
    tiny.node("node-0", port, tiny.nodeModel, capacity());

    assertThat(call.get(20, TimeUnit.SECONDS)).isEqualTo(local());
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
  void aFrozenNodeThatHoldsShardsAloneIsReplacedAndTheCallThatHitItIsFinished() throws Exception {
    try (FaultRelay relay = new FaultRelay(tiny.node("node-0").endpoint())) {
      ExpertCluster cluster = covered(List.of(relay.endpoint(), tiny.node("node-1").endpoint()));
      relay.mute();

      assertThat(layer(cluster)).isEqualTo(local());
      assertThat(cluster.placement().placement().owners().values()).allSatisfy(
          owners -> assertThat(owners).containsExactly("node-1"));
    }
  }

  @Test
  void aFrozenReplicaIsPassedByAtOnceKeepsItsPlaceAndServesAgain() throws Exception {
    try (FaultRelay relay = new FaultRelay(tiny.node("node-0").endpoint())) {
      ExpertCluster cluster = covered(settings(), PlacementGoals.of(2),
          List.of(relay.endpoint(), tiny.node("node-1").endpoint()));
      await().atMost(TinyCluster.PATIENCE).until(() -> replicas(cluster) == 2);
      for (int i = 0; i < 40; i++) {
        layer(cluster);
      }
      long epoch = cluster.placement().placement().epoch();
      relay.mute();
      assertThat(layer(cluster)).isEqualTo(local());
      await().atMost(TinyCluster.PATIENCE).until(() -> state(cluster, "node-0") == NodeStatus.State.SUSPECT);
      for (int i = 0; i < 20; i++) {
        assertThat(layer(cluster)).isEqualTo(local());
      }

      relay.speak();

      await().atMost(TinyCluster.PATIENCE).until(() -> state(cluster, "node-0") == NodeStatus.State.READY);
      assertThat(layer(cluster)).isEqualTo(local());
      assertThat(cluster.placement().placement().epoch()).isEqualTo(epoch);
    }
  }

  @Test
  void aReplicaThatDiesIsNotWaitedForAndReplicationIsRestored() throws Exception {
    List<ExpertNodeServer> nodes = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      nodes.add(tiny.node("node-" + i));
    }
    ExpertCluster cluster = covered(settings(), PlacementGoals.of(2),
        nodes.stream().map(ExpertNodeServer::endpoint).toList());
    await().atMost(TinyCluster.PATIENCE).until(() -> replicas(cluster) == 2);
    assertThat(layer(cluster)).isEqualTo(local());

    nodes.get(2).close();

    for (int i = 0; i < 20; i++) {
      assertThat(layer(cluster)).isEqualTo(local());
    }
    await().atMost(TinyCluster.PATIENCE).until(() -> replicas(cluster) == 2);
    assertThat(cluster.placement().placement().owners().values()).allSatisfy(
        owners -> assertThat(owners).doesNotContain("node-2"));
  }

  @Test
  void aReplicaThatIsSlowIsHedgedAndThenAvoidedWithinTheBudget() throws Exception {
    AtomicBoolean isSlow = new AtomicBoolean();
    AtomicInteger computed = new AtomicInteger();
    ExpertNodeModel slow = computing((batch, shards) -> {
      computed.incrementAndGet();
      if (isSlow.get()) {
        LockSupport.parkNanos(Duration.ofSeconds(3).toNanos());
      }
      return tiny.nodeModel.computation().compute(batch, shards);
    });
    ExpertCluster cluster = covered(settings(), PlacementGoals.of(2),
        List.of(tiny.node("node-0", 0, slow, capacity()).endpoint(), tiny.node("node-1").endpoint()));
    await().atMost(TinyCluster.PATIENCE).until(() -> replicas(cluster) == 2);
    while (computed.get() < 30) {
      assertThat(layer(cluster)).isEqualTo(local());
    }
    isSlow.set(true);
    int before = computed.get();
    for (int i = 0; i < 100; i++) {
      assertThat(layer(cluster)).isEqualTo(local());
    }
    assertThat(cluster.hedges()).isPositive();
    assertThat(computed.get() - before).isLessThan(30);
  }

  @Test
  void aFullReplicaIsPassedBy() throws Exception {
    CountDownLatch computing = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    ExpertNodeSettings narrow = new ExpertNodeSettings("node-0", "127.0.0.1", 0, Optional.empty(), capacity(), 1_024, 1,
        8, "", ExpertNodeSettings.DEFAULT_DRAIN_TIMEOUT, ExpertNodeSettings.Sources.NONE);
    ExpertCluster cluster = covered(settings(), PlacementGoals.of(2),
        List.of(tiny.node(narrow, stuck(computing, goOn), Optional.empty()).endpoint(),
            tiny.node("node-1").endpoint()));
    await().atMost(TinyCluster.PATIENCE).until(() -> replicas(cluster) == 2);
    List<Future<float[]>> calls = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      calls.add(callers.submit(() -> layer(cluster)));
    }
    for (Future<float[]> call : calls) {
      assertThat(call.get(10, TimeUnit.SECONDS)).isEqualTo(local());
    }
    goOn.countDown();
  }

  @Test
  void aNodeThatJoinsTakesItsShareWhileLayersAreComputed() throws Exception {
    List<String> endpoints = new CopyOnWriteArrayList<>();
    for (int i = 0; i < 3; i++) {
      endpoints.add(tiny.node("node-" + i).endpoint());
    }
    ExpertCluster cluster = tiny.cluster(settings(), PlacementGoals.of(2), () -> endpoints, Optional.empty());
    await().atMost(TinyCluster.PATIENCE).until(() -> replicas(cluster) == 2);
    AtomicInteger loads = new AtomicInteger();
    ExpertNodeModel good = tiny.nodeModel;
    ExpertNodeModel counting = new ExpertNodeModel(good.outline(), good.numericsClass(), good.device(),
        good.checkpoint(),
        (id, weights) -> {
          loads.incrementAndGet();
          return good.placing().load(id, weights);
        }, good.computation());

    endpoints.add(tiny.node("joiner", 0, counting, capacity()).endpoint());

    float[] local = local();
    double fair = good.shards().size() * 2 / 4.0;
    await().atMost(TinyCluster.PATIENCE).until(() -> {
      assertThat(layer(cluster)).isEqualTo(local);
      assertThat(cluster.placement().coversEveryShard()).isTrue();
      assertThat(replicas(cluster)).isEqualTo(2);
      return state(cluster, "joiner") == NodeStatus.State.READY;
    });
    assertThat((double) loads.get()).isBetween(1.0, 1.1 * fair);
  }

  @Test
  void aNodeWithoutACheckpointTakesItsShareFromTheOthersWhoeverIsThereFirst() throws Exception {
    ExpertNodeModel good = tiny.nodeModel;
    ExpertNodeModel emptyHanded = new ExpertNodeModel(good.outline(), good.numericsClass(), good.device(),
        Optional.empty(), good.placing(), good.computation());
    List<String> endpoints = new CopyOnWriteArrayList<>();
    endpoints.add(tiny.node("empty-handed", 0, emptyHanded, capacity()).endpoint());
    ExpertCluster cluster = tiny.cluster(settings(), PlacementGoals.SINGLE, () -> endpoints, Optional.empty());
    await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().missing().size() == good.shards().size());

    endpoints.add(tiny.node("owner").endpoint());

    float[] local = local();
    assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
    await().atMost(TinyCluster.PATIENCE).until(() -> {
      assertThat(layer(cluster)).isEqualTo(local);
      return cluster.placement().placement().owners().values().stream().filter(List.of("empty-handed")::equals)
          .count() == good.shards().size() / 2;
    });
    assertThat(layer(cluster)).isEqualTo(local);
  }

  @Test
  void whatAnotherCoordinatorStillUsesIsNotUnloaded() throws Exception {
    List<String> endpoints = new CopyOnWriteArrayList<>(
        List.of(tiny.node("node-0").endpoint(), tiny.node("node-1").endpoint()));
    ExpertCluster first = tiny.cluster(settings("first"), PlacementGoals.SINGLE, () -> endpoints, Optional.empty());
    assertThat(first.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
    ExpertCluster second = tiny.cluster(settings("second"), PlacementGoals.SINGLE, () -> endpoints, Optional.empty());
    assertThat(second.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();

    endpoints.add(tiny.node("node-2").endpoint());

    float[] local = local();
    await().atMost(TinyCluster.PATIENCE).until(() -> {
      assertThat(layer(first)).isEqualTo(local);
      assertThat(layer(second)).isEqualTo(local);
      return state(first, "node-2") == NodeStatus.State.READY && state(second, "node-2") == NodeStatus.State.READY;
    });
    await().atMost(TinyCluster.PATIENCE)
        .until(() -> first.placement().placement().equals(second.placement().placement())
            && first.placement().nodes().stream().mapToInt(NodeStatus::shards).sum() == tiny.nodeModel.shards().size());
    assertThat(first.placement().placement().owners().values()).anyMatch(owners -> owners.contains("node-2"));
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
      ExpertControlGrpc.newBlockingStub(other).release(PlacementShards.newBuilder()
          .setEpoch(cluster.placement().placement().epoch()).setPlannerId("test-coordinator")
          .setModelDigest(tiny.checkpoint.digest()).build());

      assertThat(layer(cluster)).isEqualTo(local());
    } finally {
      other.shutdownNow();
    }
  }

  @Test
  void aFullNodeIsAskedAgain() throws Exception {
    CountDownLatch computing = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    ExpertNodeSettings narrow = new ExpertNodeSettings("node-0", "127.0.0.1", 0, Optional.empty(), capacity(), 1_024, 1,
        8, "", ExpertNodeSettings.DEFAULT_DRAIN_TIMEOUT, ExpertNodeSettings.Sources.NONE);
    ExpertCluster cluster = covered(
        List.of(tiny.node(narrow, stuck(computing, goOn), Optional.empty()).endpoint()));
    List<Future<float[]>> calls = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      calls.add(callers.submit(() -> layer(cluster)));
    }
    assertThat(computing.await(10, TimeUnit.SECONDS)).isTrue();
    await().atMost(TinyCluster.PATIENCE).until(() -> cluster.placement().nodes().getFirst().work().queueDepth() == 1);
    goOn.countDown();

    for (Future<float[]> call : calls) {
      assertThat(call.get(10, TimeUnit.SECONDS)).isEqualTo(local());
    }
  }

  @Test
  void aNodeWithAnotherModelOrArithmeticIsLeftOutAndSaysWhy() throws Exception {
    ExpertNodeModel good = tiny.nodeModel;
    ExpertNodeModel otherModel = new ExpertNodeModel(
        new ExpertOutline("0000", good.outline().layers(), good.hiddenSize(),
            good.moe(), good.outline().formats(), good.shardBytes()),
        good.numericsClass(), good.device(), good.checkpoint(),
        good.placing(), good.computation());
    ExpertNodeModel otherNumerics = new ExpertNodeModel(good.outline(), "gpu-f16", good.device(), good.checkpoint(),
        good.placing(),
        good.computation());
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
      Future<Boolean> drained = callers.submit(first::awaitDrained);
      first.drain();
      while (!drained.isDone()) {
        assertThat(layer(cluster)).isEqualTo(local);
        assertThat(cluster.placement().coversEveryShard()).isTrue();
      }
      assertThat(drained.get()).isTrue();
      first.close();
      assertThat(layer(cluster)).isEqualTo(local);
      await().atMost(TinyCluster.PATIENCE).untilAsserted(() -> assertThat(cluster.placement().nodes())
          .extracting(NodeStatus::nodeId).containsExactly("node-1"));
    }
  }

  @Test
  void aNodeNamedByAddressLeavesWithoutFailingACallAndTheLastReplicaMovesFirst() throws Exception {
    float[] local = local();
    ExpertNodeServer first = tiny.node("node-0");
    ExpertCluster cluster = covered(List.of(first.endpoint(), tiny.node("node-1").endpoint()));
    assertThat(state(cluster, "node-0")).isEqualTo(NodeStatus.State.READY);

    Future<Boolean> drained = callers.submit(first::awaitDrained);
    first.drain();
    AtomicBoolean isSeen = new AtomicBoolean();
    while (!drained.isDone()) {
      assertThat(layer(cluster)).isEqualTo(local);
      assertThat(cluster.placement().coversEveryShard()).isTrue();
      isSeen.compareAndSet(false, state(cluster, "node-0") == NodeStatus.State.DRAINING);
    }
    assertThat(drained.get()).isTrue();
    assertThat(isSeen).isTrue();
    assertThat(cluster.placement().placement().owners().values()).allMatch(List.of("node-1")::equals);
    assertThat(cluster.placement().underReplicated()).isEmpty();
    first.close();
    assertThat(layer(cluster)).isEqualTo(local);
  }

  @Test
  void aNodeWhoseShardsHaveNoRoomElsewhereServesUntilItsTimeIsOver() throws Exception {
    float[] local = local();
    ExpertNodeSettings usual = ExpertNodeSettings.of("node-0", "127.0.0.1", 0, capacity());
    ExpertNodeServer first = tiny.node(new ExpertNodeSettings(usual.nodeId(), usual.host(), 0, Optional.empty(),
        capacity(), usual.maxTokens(), usual.queueCapacity(), usual.credits(), "", Duration.ofSeconds(3),
        ExpertNodeSettings.Sources.NONE),
        tiny.nodeModel, Optional.empty());
    ExpertCluster cluster = covered(
        List.of(first.endpoint(), tiny.node("node-1", 0, tiny.nodeModel, capacity() / 2).endpoint()));

    Future<Boolean> drained = callers.submit(first::awaitDrained);
    first.drain();
    while (!drained.isDone()) {
      assertThat(layer(cluster)).isEqualTo(local);
    }
    assertThat(drained.get()).isFalse();
  }

  @Test
  void ofTwoNodesWithOneIdTheFirstCountsAndTheSecondTakesOverWhenItIsGone() throws Exception {
    float[] local = local();
    ExpertNodeServer first = tiny.node("node-0");
    List<String> endpoints = new CopyOnWriteArrayList<>(List.of(first.endpoint()));
    ExpertCluster cluster = tiny.cluster(settings(), PlacementGoals.SINGLE, () -> endpoints, Optional.empty());
    assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
    // Both before and behind the first in the order of addresses.
    List<ExpertNodeServer> seconds = List.of(tiny.node("node-0"), tiny.node("node-0"));
    seconds.forEach(second -> endpoints.add(second.endpoint()));

    await().atMost(TinyCluster.PATIENCE).untilAsserted(() -> assertThat(cluster.placement().nodes())
        .filteredOn(node -> node.state() == NodeStatus.State.REFUSED)
        .allMatch(node -> node.detail().contains("node-0 is already used by " + first.endpoint()))
        .extracting(NodeStatus::endpoint).containsExactlyInAnyOrder(endpoints.get(1), endpoints.get(2)));
    assertThat(layer(cluster)).isEqualTo(local);

    first.close();
    await().atMost(TinyCluster.PATIENCE).untilAsserted(() -> assertThat(cluster.placement().nodes())
        .filteredOn(node -> node.state() == NodeStatus.State.READY).extracting(NodeStatus::endpoint).hasSize(1)
        .isSubsetOf(endpoints.get(1), endpoints.get(2)));
    assertThat(layer(cluster)).isEqualTo(local);
  }

  @Test
  void anotherCoordinatorUsesThePlacementThatIsThere() throws Exception {
    List<String> endpoints = List.of(tiny.node("node-0").endpoint(), tiny.node("node-1").endpoint());
    ExpertCluster first = covered(endpoints);
    ExpertCluster second = covered(endpoints);

    await().atMost(TinyCluster.PATIENCE)
        .until(() -> second.placement().placement().equals(first.placement().placement()));
    assertThat(layer(second)).isEqualTo(local());
  }

  private ExpertCluster covered(List<String> endpoints) throws InterruptedException {
    return covered(settings(), PlacementGoals.SINGLE, endpoints);
  }

  private ExpertCluster covered(DispatchSettings dispatch, PlacementGoals goals, List<String> endpoints)
      throws InterruptedException {
    ExpertCluster cluster = tiny.cluster(dispatch, goals, NodeDirectory.of(endpoints), Optional.empty());
    assertThat(cluster.placement().awaitCovered(TinyCluster.PATIENCE)).isTrue();
    return cluster;
  }

  private static DispatchSettings settings() {
    return settings("test-coordinator");
  }

  private static DispatchSettings settings(String coordinatorId) {
    return DispatchSettings.of(coordinatorId, TYPE);
  }

  private static DispatchSettings impatient(Duration patience) {
    DispatchSettings usual = settings();
    return new DispatchSettings(usual.coordinatorId(), TYPE, usual.maxTokensPerFrame(), usual.interactiveTokens(),
        usual.budget(), usual.attemptTimeout(), patience, usual.maxAttempts());
  }

  private static NodeStatus.State state(ExpertCluster cluster, String nodeId) {
    return cluster.placement().nodes().stream().filter(node -> node.nodeId().equals(nodeId)).map(NodeStatus::state)
        .findFirst().orElse(NodeStatus.State.LOST);
  }

  /// The fewest replicas a shard has.
  private int replicas(ExpertCluster cluster) {
    Placement placement = cluster.placement().placement();
    return tiny.nodeModel.shards().stream().mapToInt(shard -> placement.owners(shard).size()).min().orElse(0);
  }

  private long capacity() {
    return tiny.nodeModel.shardBytes() * tiny.nodeModel.shards().size();
  }

  /// A model whose computations wait.
  private ExpertNodeModel stuck(CountDownLatch computing, CountDownLatch goOn) {
    return computing((batch, shards) -> {
      computing.countDown();
      try {
        goOn.await(10, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      return tiny.nodeModel.computation().compute(batch, shards);
    });
  }

  private ExpertNodeModel computing(ExpertNodeModel.Computation computation) {
    ExpertNodeModel good = tiny.nodeModel;
    return new ExpertNodeModel(good.outline(), good.numericsClass(), good.device(), good.checkpoint(), good.placing(),
        (batch, shards) -> (isDispatch() ? computation : good.computation()).compute(batch, shards));
  }

  /// Whether it is not the probe of a shard that was just loaded.
  private static boolean isDispatch() {
    return Thread.currentThread().getName().equals("expert-worker");
  }

  private static float[] layer(ExpertCluster cluster) {
    return TinyCluster.layer(cluster.experts(), 3, TOKENS);
  }

  private float[] local() {
    return TinyCluster.layer(tiny.local(TYPE), 3, TOKENS);
  }
}
