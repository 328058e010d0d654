package io.llada.coordinator.placement;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.coordinator.placement.PlacementPlanner.Node;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.model.config.ShardId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PlacementPlannerTest {
  private static final long SHARD_BYTES = 1_000;
  private static final long AMPLE = 1L << 40;

  /// A random cluster, drawn from a seed.
  private record Case(List<ShardId> shards, List<Node> nodes) {
    static Case of(long seed) {
      Random random = new Random(seed);
      List<ShardId> shards = grid(1 + random.nextInt(20), 1 + random.nextInt(9));
      List<Node> nodes = IntStream.range(0, 1 + random.nextInt(7)).mapToObj(i -> {
        Set<ShardId> held = new HashSet<>(shards);
        held.removeIf(shard -> random.nextInt(3) > 0);
        return new Node("node-" + i, AMPLE, held);
      }).toList();
      return new Case(shards, nodes);
    }
  }

  static Stream<Long> seeds() {
    return Stream.iterate(1L, seed -> seed + 1).limit(200);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void everyShardIsPlacedOnceAndLayersAndTotalsAreEven(long seed) {
    Case drawn = Case.of(seed);
    Plan plan = new PlacementPlanner(drawn.shards(), SHARD_BYTES).plan(drawn.nodes());

    assertThat(plan.unplaced()).isEmpty();
    assertThat(plan.shardsOf().values().stream().flatMap(List::stream))
        .containsExactlyInAnyOrderElementsOf(drawn.shards());
    assertThat(spread(plan, shard -> true)).isLessThanOrEqualTo(1);
    drawn.shards().stream().map(ShardId::layer).distinct()
        .forEach(layer -> assertThat(spread(plan, shard -> shard.layer() == layer)).isLessThanOrEqualTo(1));
  }

  private static int spread(Plan plan, Predicate<ShardId> counted) {
    IntSummaryStatistics counts = plan.shardsOf().values().stream()
        .mapToInt(shards -> (int) shards.stream().filter(counted).count()).summaryStatistics();
    return counts.getMax() - counts.getMin();
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void theOrderInWhichNodesAndShardsAreNamedDoesNotMatter(long seed) {
    Case drawn = Case.of(seed);
    List<Node> nodes = new ArrayList<>(drawn.nodes());
    List<ShardId> shards = new ArrayList<>(drawn.shards());
    Collections.shuffle(nodes, new Random(seed));
    Collections.shuffle(shards, new Random(seed + 1));

    assertThat(new PlacementPlanner(shards, SHARD_BYTES).plan(nodes))
        .isEqualTo(new PlacementPlanner(drawn.shards(), SHARD_BYTES).plan(drawn.nodes()));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aPlanThatIsHeldIsPlannedAgain(long seed) {
    Case drawn = Case.of(seed);
    PlacementPlanner planner = new PlacementPlanner(drawn.shards(), SHARD_BYTES);
    Plan plan = planner.plan(drawn.nodes());
    List<Node> holding = plan.shardsOf().entrySet().stream()
        .map(entry -> new Node(entry.getKey(), AMPLE, Set.copyOf(entry.getValue()))).toList();

    assertThat(planner.plan(holding)).isEqualTo(plan);
  }

  @Test
  void theSurvivorsOfALostNodeKeepWhatTheyHold() {
    List<ShardId> shards = grid(10, 8);
    PlacementPlanner planner = new PlacementPlanner(shards, SHARD_BYTES);
    Plan four = planner.plan(nodes(AMPLE, 4));
    List<Node> survivors = four.shardsOf().entrySet().stream().skip(1)
        .map(entry -> new Node(entry.getKey(), AMPLE, Set.copyOf(entry.getValue()))).toList();

    Plan three = planner.plan(survivors);

    four.shardsOf().entrySet().stream().skip(1)
        .forEach(entry -> assertThat(three.shardsOf().get(entry.getKey())).containsAll(entry.getValue()));
  }

  @Test
  void whatDoesNotFitIsNamedAndNoNodeIsOverfilled() {
    Plan plan = new PlacementPlanner(grid(3, 4), SHARD_BYTES).plan(nodes(5 * SHARD_BYTES + 1, 2));

    assertThat(plan.unplaced()).hasSize(2);
    assertThat(plan.shardsOf().values()).allSatisfy(shards -> assertThat(shards).hasSize(5));
  }

  @Test
  void withoutNodesNothingIsPlaced() {
    assertThat(new PlacementPlanner(grid(2, 2), SHARD_BYTES).plan(List.of()).unplaced()).hasSize(4);
  }

  private static List<ShardId> grid(int layers, int groups) {
    return IntStream.range(1, layers + 1).boxed()
        .flatMap(layer -> IntStream.range(0, groups).mapToObj(group -> new ShardId(layer, group))).toList();
  }

  private static List<Node> nodes(long capacity, int count) {
    return IntStream.range(0, count).mapToObj(i -> new Node("node-" + i, capacity, Set.of())).toList();
  }
}
