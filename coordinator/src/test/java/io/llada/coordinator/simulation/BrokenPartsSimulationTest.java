package io.llada.coordinator.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.coordinator.placement.DescribedNode;
import io.llada.coordinator.placement.PlacementPlanner.Node;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.coordinator.placement.Planner;
import io.llada.expertnode.SteppedNode;
import io.llada.model.config.ShardId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// The simulation sees defects: each of these parts is wrong in one way, and is caught within a few seeds.
@ExtendWith(QuietLogs.class)
class BrokenPartsSimulationTest {
  private static final int SEEDS = 300;

  @Test
  void aNodeThatUnloadsBeforeEveryCoordinatorHasAcknowledgedIsCaught() {
    assertCaught(Parts.REAL.withAfterActivate(SteppedNode::unloadForNobody), "unload");
  }

  @Test
  void aDispatcherThatAddsALateAnswerAsWellIsCaught() {
    assertCaught(Parts.REAL.withTimesAdded(2), "I2");
  }

  @Test
  void aPlannerThatPutsTwoReplicasOnOneNodeIsCaught() {
    assertCaught(planning(planner -> (nodes, terms) -> {
      Plan plan = planner.plan(nodes, terms);
      SortedMap<String, List<ShardId>> doubled = new TreeMap<>(plan.shardsOf());
      doubled.replaceAll((node, shards) -> {
        List<ShardId> twice = new ArrayList<>(shards);
        shards.stream().findFirst().ifPresent(twice::add);
        return twice;
      });
      return new Plan(doubled, plan.unplaced(), plan.underReplicated(), plan.loads());
    }), "I8");
  }

  @Test
  void aPlannerThatIgnoresCapacityIsCaught() {
    assertCaught(planning(planner -> (nodes, terms) -> planner.plan(nodes.stream().map(node -> new Node(node.nodeId(),
        Long.MAX_VALUE, node.speed(), node.zone(), node.held(), node.outOfReach())).toList(), terms)), "I6");
  }

  @Test
  void aPlannerThatDependsOnTheOrderOfNodesIsCaught() {
    assertCaught(planning(planner -> (nodes, terms) -> planner.plan(withFasterFirst(nodes), terms)), "I9");
  }

  private static List<Node> withFasterFirst(Collection<Node> nodes) {
    List<Node> changed = new ArrayList<>(nodes);
    changed.set(0, new Node(changed.getFirst().nodeId(), changed.getFirst().capacityBytes(), 5,
        changed.getFirst().zone(), changed.getFirst().held(), changed.getFirst().outOfReach()));
    return changed;
  }

  @Test
  void aPlannerThatMovesWhatNeedNotMoveIsCaught() {
    assertCaught(planning(planner -> (nodes, terms) -> planner.plan(nodes.stream().map(node -> new Node(node.nodeId(),
        node.capacityBytes(), node.speed(), node.zone(), Set.of(), node.outOfReach())).toList(), terms)), "I7");
  }

  @Test
  void aDriverThatDispatchesByWhatIsNotLoadedYetIsCaught() {
    assertCaught(Parts.REAL.withHearsay(BrokenPartsSimulationTest::believingPlans), "I4");
  }

  /// Takes what a node plans to hold for what it holds.
  static DescribedNode believingPlans(DescribedNode node) {
    Set<ShardId> held = new TreeSet<>(node.held());
    held.addAll(node.planned().shards());
    return new DescribedNode(node.nodeId(), node.incarnation(), node.modelDigest(), node.numericsClass(), node.zone(),
        node.capacityBytes(), node.weightBytes(), held, node.planned(), node.device(), node.failure(),
        node.isDraining(), node.hasCheckpoint(), node.loaded());
  }

  private static Parts planning(UnaryOperator<Planner> broken) {
    return Parts.REAL.withPlanner(broken);
  }

  private static void assertCaught(Parts broken, String invariant) {
    long seed = firstCaught(broken);
    assertThat(SimulationRunner.violation(seed, broken)).contains(invariant);
    assertThat(SimulationRunner.violation(seed, Parts.REAL)).as("seed %d with the real parts", seed).isEmpty();
  }

  static long firstCaught(Parts broken) {
    return LongStream.rangeClosed(1, SEEDS).filter(seed -> SimulationRunner.violation(seed, broken).isPresent())
        .findFirst().orElseThrow(() -> new AssertionError("none of %d seeds showed the defect".formatted(SEEDS)));
  }
}
