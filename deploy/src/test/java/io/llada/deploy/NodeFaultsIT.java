package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.denoising.DenoisingRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What happens to nodes and wires while eight requests run over four node processes and every shard is on two of them:
/// no request fails, and every trace is the one of an undisturbed run, bit for bit.
class NodeFaultsIT {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final long SEED = 20_261_122;
  /// More where it is run by hand: `-Dfaults.kills=100`.
  private static final int KILLS = Integer.getInteger("faults.kills", 3);
  /// Longer where it is run by hand: `-Dfaults.freezeSeconds=30`.
  private static final Duration FREEZE = Duration.ofSeconds(Integer.getInteger("faults.freezeSeconds", 3));
  private static final int NODES = 4;
  /// Coordinators wait longer until they plan without a node.
  private static final Duration NO_PLAN_YET = Duration.ofMillis(300);
  private static final int RUNS_TO_WARM_UP = 2;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestCluster cluster;
  private List<DenoisingRequest> requests;
  private List<String> undisturbed;

  void start(int spare) throws Exception {
    cluster = new TestCluster(MODEL, new TestCluster.Size(NODES, spare, 2), new ProcessNodes(MODEL));
    requests = new ArrayList<>(Trace.requests());
    requests.addAll(Trace.requests());
    undisturbed = run();
    assertThat(run()).isEqualTo(undisturbed);
  }

  @AfterEach
  void stop() throws Exception {
    cluster.close();
  }

  private List<String> run() {
    return cluster.submit(requests).stream().map(Trace::await).toList();
  }

  /// Milliseconds that requests stood still: the longest time between two steps of one of them.
  ///
  /// @param atOnce before a new plan is made: what the failover takes
  /// @param inAll until the last request has ended: shards are loaded meanwhile
  private record Stall(long atOnce, long inAll) {
    static Stall since(long instant, List<Trace> traces) {
      return new Stall(longestPause(traces, instant, instant + NO_PLAN_YET.toNanos()),
          longestPause(traces, instant, Long.MAX_VALUE));
    }

    private static long longestPause(List<Trace> traces, long from, long to) {
      return traces.stream().mapToLong(trace -> trace.longestPause(from, to).toMillis()).max().orElseThrow();
    }
  }

  private static String quantiles(List<Stall> stalls, ToLongFunction<Stall> which) {
    long[] sorted = stalls.stream().mapToLong(which).sorted().toArray();
    return "p50 %d, p99 %d".formatted(sorted[sorted.length / 2], sorted[(sorted.length * 99 - 1) / 100]);
  }

  /// What may happen while requests run.
  @FunctionalInterface
  private interface Event {
    /// Nothing.
    Event NONE = () -> {};

    void happen() throws InterruptedException;
  }

  /// Each kill is compared with a run of the same requests a moment before it, from the same instant on. A node that was
  /// started again takes part in some runs before the next kill, so that its first steps, which are slow, count by themselves.
  @Test
  void nodesAreKilledAtRandomInstants() throws Exception {
    start(0);
    Random random = new Random(SEED);
    List<Stall> calm = new ArrayList<>();
    List<Stall> stalls = new ArrayList<>();
    List<Stall> back = new ArrayList<>();
    List<Long> restored = new ArrayList<>();
    for (int kill = 0; kill < KILLS; kill++) {
      Duration wait = Duration.ofMillis(random.nextInt(200)); // any instant will do
      int victim = random.nextInt(NODES);
      calm.add(stall(wait, Event.NONE));
      long begunAt = System.nanoTime();
      stalls.add(stall(wait, () -> cluster.kill(victim)));
      cluster.awaitReplicas(PATIENCE);
      restored.add(Duration.ofNanos(System.nanoTime() - begunAt).toMillis());
      cluster.restart(victim);
      await().atMost(PATIENCE).until(() -> cluster.state(victim).equals("ready"));
      cluster.awaitReplicas(PATIENCE);
      back.add(stall(Duration.ZERO, Event.NONE));
      for (int i = 0; i < RUNS_TO_WARM_UP; i++) {
        run();
      }
    }
    restored.sort(null);
    System.out.printf(
        "%d kills, longest pause between two steps of a request in ms: within %d ms %s (without a kill %s), until the end "
            + "%s (without a kill %s), when the node is back %s; requests done and replicas restored after at most %d ms%n",
        KILLS, NO_PLAN_YET.toMillis(), quantiles(stalls, Stall::atOnce), quantiles(calm, Stall::atOnce),
        quantiles(stalls, Stall::inAll), quantiles(calm, Stall::inAll), quantiles(back, Stall::inAll), restored
            .getLast());
  }

  /// Has something happen while requests run.
  private Stall stall(Duration wait, Event event) throws Exception {
    List<Trace> traces = cluster.submit(requests);
    Thread.sleep(wait);
    long instant = System.nanoTime();
    event.happen();
    assertThat(traces.stream().map(Trace::await).toList()).as("seed %d", SEED).isEqualTo(undisturbed);
    return Stall.since(instant, traces);
  }

  @Test
  void aNodeIsFrozenForAWhileKeepsItsPlaceAndServesAgain() throws Exception {
    start(0);
    long epoch = cluster.coordinator().cluster().epoch();

    long frozen = System.nanoTime();
    cluster.pause(1);
    CompletableFuture<Long> suspected = CompletableFuture.supplyAsync(() -> {
      await().atMost(PATIENCE).pollInterval(Duration.ofMillis(20)).until(() -> cluster.state(1).equals("suspect"));
      return Duration.ofNanos(System.nanoTime() - frozen).toMillis();
    });
    int rounds = 0;
    do {
      assertThat(run()).isEqualTo(undisturbed);
      rounds++;
    } while (!suspected.isDone() || System.nanoTime() - frozen < FREEZE.toNanos());
    cluster.resume(1);

    await().atMost(PATIENCE).until(() -> cluster.state(1).equals("ready"));
    assertThat(run()).isEqualTo(undisturbed);
    assertThat(cluster.coordinator().cluster().epoch()).isBetween(epoch, epoch + 1);
    System.out.printf("frozen for %s: suspect after %d ms, %d rounds of requests meanwhile, %d plans%n", FREEZE,
        suspected.join(), rounds, cluster.coordinator().cluster().epoch() - epoch);
  }

  @Test
  void wiresAreCutDelayedAndSpoilt() throws Exception {
    start(0);
    for (int i = 0; i < 4; i++) {
      int node = i;
      CompletableFuture<Void> storm = CompletableFuture.runAsync(() -> cluster.wire(node).reset(),
          CompletableFuture.delayedExecutor(60, TimeUnit.MILLISECONDS));
      assertThat(run()).isEqualTo(undisturbed);
      storm.join();
    }
    cluster.wire(0).corrupt(3);
    await().atMost(PATIENCE).until(() -> {
      assertThat(run()).isEqualTo(undisturbed);
      return cluster.wire(0).leftToCorrupt() == 0;
    });
    cluster.wire(2).delay(Duration.ofMillis(20), Duration.ofMillis(20));
    assertThat(run()).isEqualTo(undisturbed);
    cluster.wire(2).delay(Duration.ZERO, Duration.ZERO);
  }

  @Test
  void aNodeIsOnlyHeardOrOnlyHears() throws Exception {
    start(0);
    for (FaultProxy.Direction direction : FaultProxy.Direction.values()) {
      cluster.wire(3).stall(direction);
      assertThat(run()).isEqualTo(undisturbed);
      cluster.wire(3).flow();
      assertThat(run()).isEqualTo(undisturbed);
    }
  }

  @Test
  void aNodeJoinsWhileRequestsRun() throws Exception {
    start(1);
    List<Trace> traces = cluster.submit(requests);
    cluster.addExpertNode();
    assertThat(traces.stream().map(Trace::await).toList()).isEqualTo(undisturbed);
    await().atMost(PATIENCE).until(() -> cluster.state(NODES).equals("ready"));
    assertThat(run()).isEqualTo(undisturbed);
  }
}
