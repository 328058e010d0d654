package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.llada.coordinator.denoising.DenoisingRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// As [NodeFaultsIT], with all nodes in this process: more faults in less time.
class NodeFaultsClusterTest {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final long SEED = 20_261_122;
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  /// Twenty where it is run by hand: `-Dfaults.joins=20`.
  private static final int JOINS = Integer.getInteger("faults.joins", 3);
  private static final int ROUNDS = Integer.getInteger("faults.rounds", 4);
  private static final int REPLICAS = 2;

  private TestCluster cluster;
  private List<DenoisingRequest> requests;
  private List<String> undisturbed;

  private void start(int nodes, int spare) throws Exception {
    cluster = new TestCluster(MODEL, new TestCluster.Size(nodes, spare, REPLICAS), new InProcessNodes(MODEL));
    requests = Trace.requests();
    undisturbed = run();
  }

  @AfterEach
  void stop() throws Exception {
    cluster.close();
  }

  private List<String> run() {
    return cluster.submit(requests).stream().map(Trace::await).toList();
  }

  private void awaitState(int node, String state) {
    await().atMost(PATIENCE).until(() -> cluster.state(node).equals(state));
  }

  @Test
  void aNodeJoinsAndLeavesAgainAndAgainAndTakesNoMoreThanItsShare() throws Exception {
    start(3, 1);
    int joiner = 3;
    int shards = cluster.coordinator().model().config().shards().size();
    for (int join = 0; join < JOINS; join++) {
      double othersBefore = speedOfOthers(joiner);
      List<Trace> traces = cluster.submit(requests);
      if (join == 0) {
        cluster.addExpertNode();
      } else {
        cluster.restart(joiner);
      }
      assertThat(traces.stream().map(Trace::await).toList()).as("join %d", join).isEqualTo(undisturbed);
      awaitState(joiner, "ready");
      assertThat(run()).isEqualTo(undisturbed);
      // A newcomer counts as average; the others may have been measured anew meanwhile.
      double share = 1 / (1 + Math.min(othersBefore, speedOfOthers(joiner)));
      assertThat(cluster.shards(joiner)).as("join %d, share %s", join, share).isPositive()
          .isLessThanOrEqualTo((int) Math.ceil(REPLICAS * shards * share * 1.1));

      List<Trace> whileLeaving = cluster.submit(requests);
      assertThat(cluster.terminate(joiner)).isZero();
      assertThat(whileLeaving.stream().map(Trace::await).toList()).as("leave %d", join).isEqualTo(undisturbed);
      cluster.awaitReplicas(PATIENCE);
    }
  }

  /// The average node has 1.
  private double speedOfOthers(int node) {
    return cluster.coordinator().cluster().nodes().stream().filter(other -> !other.nodeId().equals("node-" + node))
        .mapToDouble(other -> other.work().speed()).sum();
  }

  @Test
  void nodesAreKilledFrozenAndCutOffInTurn() throws Exception {
    start(3, 0);
    Random random = new Random(SEED);
    for (int round = 0; round < ROUNDS; round++) {
      int victim = random.nextInt(3);
      List<Trace> traces = cluster.submit(requests);
      switch (random.nextInt(3)) {
        case 0 -> cluster.kill(victim);
        case 1 -> cluster.pause(victim);
        default -> cluster.partition(victim);
      }
      assertThat(traces.stream().map(Trace::await).toList()).as("round %d, seed %d", round, SEED)
          .isEqualTo(undisturbed);
      cluster.resume(victim);
      if (cluster.state(victim).equals("lost") || cluster.state(victim).isEmpty()) {
        cluster.restart(victim);
      }
      awaitState(victim, "ready");
      cluster.awaitReplicas(PATIENCE);
    }
    assertThat(run()).isEqualTo(undisturbed);
  }
}
