package io.llada.coordinator.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.coordinator.simulation.SimulatedCluster.Outcome;
import io.llada.coordinator.simulation.VirtualTime.LogLines;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Thousands of clusters with faults, each from a seed; see the README's section on the simulation.
///
/// `-Dsimulation.seeds=N` runs that many, `-Dsimulation.first=S` from another one on, `-Dsimulation.seed=S` replays one
/// and prints everything that happens.
@ExtendWith(QuietLogs.class)
class ClusterSimulationTest {
  private static final int SEEDS = 10_000;
  private static final int THREADS = 2;
  private static final long MOST_MINUTES = 60;

  @Test
  void everyInvariantHoldsAfterEveryEvent() throws Exception {
    if (Long.getLong("simulation.seed") != null) {
      Outcome outcome = SimulationRunner.run(Long.getLong("simulation.seed"), Parts.REAL,
          LogLines.to(System.out::println));
      System.out.println(outcome);
      assertThat(outcome.computed()).isPositive();
      return;
    }
    int seeds = Integer.getInteger("simulation.seeds", SEEDS);
    AtomicLong next = new AtomicLong(Long.getLong("simulation.first", 1));
    long end = next.get() + seeds;
    List<Outcome> outcomes = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(THREADS, Thread.ofPlatform().name("simulation-", 0)
        .factory())) {
      List<Future<List<Outcome>>> parts = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        parts.add(threads.submit(() -> runFrom(next, end)));
      }
      for (Future<List<Outcome>> part : parts) {
        outcomes.addAll(part.get(MOST_MINUTES, TimeUnit.MINUTES));
      }
    }
    assertThat(outcomes).hasSize(seeds);
    // A simulation in which little happens shows little.
    assertThat(outcomes.stream().mapToLong(Outcome::computed).sum()).isGreaterThan(20L * seeds);
    assertThat(outcomes.stream().mapToLong(Outcome::events).sum()).isGreaterThan(1_000L * seeds);
    assertThat(outcomes.stream().mapToLong(Outcome::plansForBalance).sum()).isGreaterThan(seeds / 4);
  }

  /// Stops all threads at the first seed that fails.
  private static List<Outcome> runFrom(AtomicLong next, long end) {
    List<Outcome> outcomes = new ArrayList<>();
    for (long seed = next.getAndIncrement(); seed < end; seed = next.getAndIncrement()) {
      try {
        outcomes.add(SimulationRunner.run(seed, Parts.REAL, LogLines.NOBODY));
      } catch (AssertionError e) {
        next.set(end);
        throw e;
      }
    }
    return outcomes;
  }

  @Test
  void aSeedIsReplayedExactly() {
    for (long seed = 1; seed <= 20; seed++) {
      Outcome first = SimulationRunner.run(seed, Parts.REAL, LogLines.NOBODY);
      assertThat(SimulationRunner.run(seed, Parts.REAL, LogLines.to(line -> {}))).isEqualTo(first);
    }
    assertThat(SimulationRunner.run(1, Parts.REAL, LogLines.NOBODY).hash())
        .isNotEqualTo(SimulationRunner.run(2, Parts.REAL, LogLines.NOBODY).hash());
  }

  @Test
  void aFailureNamesSeedInvariantLastEventsAndTheCommandThatReplaysIt() {
    Parts broken = Parts.REAL.withHearsay(BrokenPartsSimulationTest::believingPlans);
    long seed = BrokenPartsSimulationTest.firstCaught(broken);
    assertThatThrownBy(() -> SimulationRunner.run(seed, broken, LogLines.NOBODY)).isInstanceOf(AssertionError.class)
        .hasMessageContaining("seed " + seed).hasMessageContaining("I4").hasMessageContaining("hears from node-")
        .hasMessageContaining("-Dsimulation.seed=" + seed);
  }
}
