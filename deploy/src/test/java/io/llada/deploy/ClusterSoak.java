package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.denoising.DenoisingRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Hours of bad luck: one random fault after the other while eight requests run over four or five node processes and
/// every shard is on two of them. Run by hand, see the README of this module; fails when a request fails, an answer has
/// other bits than undisturbed, or a process grows.
class ClusterSoak {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final Duration LENGTH = Duration.ofSeconds(
      Math.round(60 * Double.parseDouble(System.getProperty("soak.minutes", "5"))));
  private static final long SEED = Long.getLong("soak.seed", System.nanoTime());
  private static final int NODES = 4;
  /// Comes and goes.
  private static final int SPARE = NODES;
  /// Lives through all of it, so that its growth can be seen.
  private static final int SURVIVOR = 0;
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration CALM = Duration.ofSeconds(1);
  /// A process may use this many times what it used after the warm-up.
  private static final double MOST_GROWTH = 1.1;

  private enum Fault {
    KILL, FREEZE, DRAIN, JOIN_OR_LEAVE, RESET, CORRUPT, DELAY, ONE_WAY
  }

  private final Random random = new Random(SEED);
  private final AtomicBoolean isOver = new AtomicBoolean();
  private final AtomicLong answered = new AtomicLong();
  private final ConcurrentLinkedQueue<Long> stalls = new ConcurrentLinkedQueue<>();
  private final Map<Fault, Integer> faults = new EnumMap<>(Fault.class);
  private final List<ProcessUse> here = new ArrayList<>();
  private final List<ProcessUse> survivor = new ArrayList<>();
  private final List<Long> liveBytes = new ArrayList<>();
  private TestCluster cluster;
  private List<DenoisingRequest> requests;
  private List<String> undisturbed;
  private boolean hasSpare;

  @BeforeEach
  void start() throws Exception {
    System.out.printf("soak of %d s, seed %d; again with -Dsoak.seed=%d%n", LENGTH.toSeconds(), SEED, SEED);
    cluster = new TestCluster(MODEL, new TestCluster.Size(NODES, 1, 2), new ProcessNodes(MODEL));
    requests = new ArrayList<>(Trace.requests());
    requests.addAll(Trace.requests());
    undisturbed = cluster.submit(requests).stream().map(Trace::await).toList();
  }

  @AfterEach
  void stop() throws Exception {
    isOver.set(true);
    cluster.close();
  }

  @Test
  void nothingFailsAndNothingGrows() throws Exception {
    List<CompletableFuture<Void>> streams = new ArrayList<>();
    for (int i = 0; i < requests.size(); i++) {
      int stream = i;
      streams.add(CompletableFuture.runAsync(() -> stream(stream), task -> Thread.ofVirtual().start(task)));
    }
    long begun = System.nanoTime();
    Duration warmUp = LENGTH.dividedBy(4);
    while (System.nanoTime() - begun < LENGTH.toNanos()
        && streams.stream().noneMatch(CompletableFuture::isCompletedExceptionally)) {
      Fault fault = Fault.values()[random.nextInt(Fault.values().length)];
      int node = 1 + random.nextInt(NODES - 1);
      faults.merge(fault, 1, Integer::sum);
      bringAbout(fault, node);
      awaitWhole("%s of node %d, seed %d".formatted(fault, node, SEED));
      TimeUnit.MILLISECONDS.sleep(random.nextLong(CALM.toMillis())); // the next fault may come at any instant
      if (System.nanoTime() - begun > warmUp.toNanos()) {
        here.add(ProcessUse.of(ProcessHandle.current().pid()));
        survivor.add(ProcessUse.of(cluster.pid(SURVIVOR)));
        liveBytes.add(liveBytes());
      }
    }
    isOver.set(true);
    for (CompletableFuture<Void> stream : streams) {
      stream.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }
    report();
    assertThat(last(here).handlesBeside(first(here))).as("growth of the coordinator").isLessThan(MOST_GROWTH);
    assertThat(last(survivor).handlesBeside(first(survivor))).as("growth of a node").isLessThan(MOST_GROWTH);
    assertThat(last(survivor).memoryBeside(first(survivor))).as("memory of a node").isLessThan(MOST_GROWTH);
    assertThat((double) median(lastThird(liveBytes)) / median(firstThird(liveBytes))).as("objects of the coordinator")
        .isLessThan(MOST_GROWTH);
  }

  /// What objects take that are in use. The heap of this process is larger than its needs, and fills before anything is
  /// collected: what is resident says nothing yet.
  private static long liveBytes() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private void stream(int index) {
    while (!isOver.get()) {
      Trace trace = cluster.submit(List.of(requests.get(index))).getFirst();
      assertThat(trace.await()).as("stream %d, seed %d", index, SEED).isEqualTo(undisturbed.get(index));
      stalls.add(trace.longestPause().toMillis());
      answered.incrementAndGet();
    }
  }

  private void bringAbout(Fault fault, int node) throws Exception {
    switch (fault) {
      case KILL -> {
        cluster.kill(node);
        pause(3_000);
        cluster.restart(node);
      }
      case FREEZE -> {
        cluster.pause(node);
        pause(5_000);
        cluster.resume(node);
      }
      case DRAIN -> {
        assertThat(cluster.terminate(node)).as("exit code, seed %d", SEED).isZero();
        cluster.restart(node);
      }
      case JOIN_OR_LEAVE -> joinOrLeave();
      case RESET -> cluster.wire(node).reset();
      case CORRUPT -> cluster.wire(node).corrupt(1 + random.nextInt(5));
      case DELAY -> {
        cluster.wire(node).delay(Duration.ofMillis(5), Duration.ofMillis(30));
        pause(3_000);
        cluster.wire(node).delay(Duration.ZERO, Duration.ZERO);
      }
      case ONE_WAY -> {
        cluster.wire(node).stall(FaultProxy.Direction.values()[random.nextInt(2)]);
        pause(4_000);
        cluster.wire(node).flow();
      }
    }
  }

  private void joinOrLeave() throws Exception {
    if (hasSpare) {
      assertThat(cluster.terminate(SPARE)).as("exit code, seed %d", SEED).isZero();
    } else if (faults.get(Fault.JOIN_OR_LEAVE) == 1) {
      cluster.addExpertNode();
    } else {
      cluster.restart(SPARE);
    }
    hasSpare = !hasSpare;
  }

  private void pause(int mostMillis) throws InterruptedException {
    TimeUnit.MILLISECONDS.sleep(random.nextInt(mostMillis));
  }

  private void awaitWhole(String after) {
    Callable<Boolean> isWhole = () -> {
      for (int node = 0; node < NODES + (hasSpare ? 1 : 0); node++) {
        if (!cluster.state(node).equals("ready")) {
          return false;
        }
      }
      return cluster.coordinator().cluster().underReplicated().isEmpty();
    };
    await(after).atMost(PATIENCE).until(isWhole);
  }

  private void report() {
    List<Long> sorted = stalls.stream().sorted().toList();
    System.out.printf(
        "seed %d: %d requests, 0 failed, longest pause between two steps p50 %d ms, p99 %d ms, max %d ms; "
            + "faults %s; %d plans, %d hedges, %d failovers%n",
        SEED, answered.get(), sorted.get(sorted.size() / 2),
        sorted.get((sorted.size() * 99 - 1) / 100), sorted.getLast(), faults,
        cluster.coordinator().cluster().counts().plans().made(),
        cluster.coordinator().cluster().counts().repeats().hedges(),
        cluster.coordinator().cluster().counts().repeats().failovers());
    System.out.printf("coordinator after the warm-up %s, at the end %s; objects %d MB and %d MB%n", first(here),
        last(here), median(firstThird(liveBytes)) / 1_000_000, median(lastThird(liveBytes)) / 1_000_000);
    System.out.printf("expert node after the warm-up %s, at the end %s%n", first(survivor), last(survivor));
  }

  private static ProcessUse first(List<ProcessUse> uses) {
    return ProcessUse.median(firstThird(uses));
  }

  private static ProcessUse last(List<ProcessUse> uses) {
    return ProcessUse.median(lastThird(uses));
  }

  private static <T> List<T> firstThird(List<T> samples) {
    return samples.subList(0, Math.max(1, samples.size() / 3));
  }

  private static <T> List<T> lastThird(List<T> samples) {
    return samples.subList(samples.size() - Math.max(1, samples.size() / 3), samples.size());
  }

  private static long median(List<Long> samples) {
    return samples.stream().sorted().skip(samples.size() / 2).findFirst().orElseThrow();
  }
}
