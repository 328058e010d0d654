package io.llada.coordinator.placement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.coordinator.placement.PlacementPlanner.Node;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.model.config.ShardId;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.Map;
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
  private static final int SEEDS = 200;

  /// A random cluster, drawn from a seed.
  private record Case(List<ShardId> shards, int replicas, List<Node> nodes, Map<ShardId, Long> rows) {
    /// Nodes that are new, equally fast and as large as need be.
    static Case even(long seed) {
      Random random = new Random(seed);
      List<ShardId> shards = grid(4 + random.nextInt(30), 4 + random.nextInt(13));
      return new Case(shards, 1 + random.nextInt(3), PlacementPlannerTest.nodes(AMPLE, 2 + random.nextInt(9)),
          Map.of());
    }

    /// Nodes of any size, speed and zone that hold something of whatever was before.
    static Case any(long seed) {
      Random random = new Random(seed);
      List<ShardId> shards = grid(1 + random.nextInt(12), 1 + random.nextInt(9));
      int count = 1 + random.nextInt(7);
      int zones = 1 + random.nextInt(3);
      List<Node> nodes = IntStream.range(0, count).mapToObj(i -> {
        Set<ShardId> held = new HashSet<>(shards);
        held.removeIf(shard -> random.nextInt(3) > 0);
        long capacity = (1 + random.nextInt(2 * shards.size())) * SHARD_BYTES;
        return new Node("node-" + i, capacity, 1 + random.nextInt(4), "zone-" + i % zones, held);
      }).toList();
      Map<ShardId, Long> rows = new HashMap<>();
      shards.forEach(shard -> rows.put(shard, (long) random.nextInt(1_000)));
      return new Case(shards, 1 + random.nextInt(3), nodes, rows);
    }

    PlacementPlanner planner() {
      return new PlacementPlanner(shards, SHARD_BYTES, new PlacementGoals(replicas, replicas - 1));
    }

    Plan plan() {
      return planner().plan(nodes, PlanTerms.of(rows));
    }

    int wanted() {
      return Math.min(replicas, nodes.size());
    }
  }

  static Stream<Long> seeds() {
    return Stream.iterate(1L, seed -> seed + 1).limit(SEEDS);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void everyShardIsOnAsManyNodesAsWantedAndLayersAndTotalsAreEven(long seed) {
    Case drawn = Case.even(seed);
    Plan plan = drawn.plan();

    assertThat(plan.unplaced()).isEmpty();
    assertThat(plan.owners().keySet()).containsExactlyElementsOf(drawn.shards());
    assertThat(plan.owners().values()).allSatisfy(owners -> assertThat(owners).hasSize(drawn.wanted()));
    assertThat(spread(plan, shard -> true)).isLessThanOrEqualTo(1);
    assertThat(layers(drawn)).allSatisfy(
        layer -> assertThat(spread(plan, shard -> shard.layer() == layer)).isLessThanOrEqualTo(1));
  }

  private static List<Integer> layers(Case drawn) {
    return drawn.shards().stream().map(ShardId::layer).distinct().toList();
  }

  private static int spread(Plan plan, Predicate<ShardId> counted) {
    IntSummaryStatistics counts = plan.shardsOf().values().stream()
        .mapToInt(shards -> (int) shards.stream().filter(counted).count()).summaryStatistics();
    return counts.getMax() - counts.getMin();
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void theOrderInWhichNodesAndShardsAreNamedDoesNotMatter(long seed) {
    Case drawn = Case.any(seed);
    List<Node> nodes = new ArrayList<>(drawn.nodes());
    List<ShardId> shards = new ArrayList<>(drawn.shards());
    Collections.shuffle(nodes, new Random(seed));
    Collections.shuffle(shards, new Random(seed + 1));

    assertThat(new Case(shards, drawn.replicas(), nodes, drawn.rows()).plan()).isEqualTo(drawn.plan());
  }

  /// Every JVM must plan this: the digest was taken once and is part of the contract between coordinators.
  @Test
  void aNodeThatCouldNotLoadAShardDoesNotGetIt() {
    List<ShardId> shards = grid(6, 8);
    Set<ShardId> outOfReach = Set.copyOf(shards.subList(0, shards.size() / 2));
    for (int replicas = 1; replicas <= 2; replicas++) {
      List<Node> nodes = List.of(new Node("bare", AMPLE, 1, "", Set.of(), outOfReach),
          new Node("a", AMPLE, 1, "", Set.of()), new Node("b", AMPLE, 1, "", Set.of()));
      Plan plan = new PlacementPlanner(shards, SHARD_BYTES, PlacementGoals.of(replicas)).plan(nodes, PlanTerms.EVEN);
      assertThat(plan.shardsOf().get("bare")).isNotEmpty().doesNotContainAnyElementsOf(outOfReach);
      assertThat(plan.underReplicated()).isEmpty();
    }
    Node bare = new Node("bare", AMPLE, 1, "", Set.of(), outOfReach);
    assertThat(
        new PlacementPlanner(shards, SHARD_BYTES, PlacementGoals.SINGLE).plan(List.of(bare), PlanTerms.EVEN).unplaced())
        .containsExactlyInAnyOrderElementsOf(outOfReach);
  }

  @Test
  void plansAreTheSameOnEveryMachine() throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    for (long seed = 1; seed <= SEEDS; seed++) {
      digest.update(Case.any(seed).plan().toString().getBytes(StandardCharsets.UTF_8));
      digest.update(Case.even(seed).plan().toString().getBytes(StandardCharsets.UTF_8));
    }
    assertThat(HexFormat.of().formatHex(digest.digest()))
        .isEqualTo("e36f5170e27f85bf78605b2023e33a9d9ebb95dc486230cfbd952925c4064a19");
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aPlanThatIsHeldIsPlannedAgainAndLoadsNothing(long seed) {
    for (Case drawn : List.of(Case.any(seed), Case.even(seed))) {
      Plan plan = drawn.plan();
      Plan again = drawn.planner().plan(holding(plan, drawn.nodes()), PlanTerms.of(drawn.rows()));

      assertThat(again.shardsOf()).isEqualTo(plan.shardsOf());
      assertThat(again.loads()).isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aNodeThatJoinsReceivesItsFairShareAndNobodyElseReceivesAnything(long seed) {
    Case drawn = Case.even(seed);
    Plan before = drawn.plan();
    List<Node> joined = new ArrayList<>(holding(before, drawn.nodes()));
    joined.add(new Node("joiner", AMPLE, 1, "", Set.of()));

    Plan after = drawn.planner().plan(joined, PlanTerms.EVEN);

    int wanted = Math.min(drawn.replicas(), joined.size());
    double fair = (double) drawn.shards().size() * wanted / joined.size();
    int received = after.shardsOf().get("joiner").size();
    assertThat((double) received).isBetween(0.85 * fair - 1, 1.1 * fair);
    assertThat(after.loads()).isEqualTo(received);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void whenANodeLeavesOnlyItsShardsMove(long seed) {
    Case drawn = Case.even(seed);
    Plan before = drawn.plan();
    List<Node> survivors = holding(before, drawn.nodes()).subList(1, drawn.nodes().size());

    Plan after = drawn.planner().plan(survivors, PlanTerms.EVEN);

    int wanted = Math.min(drawn.replicas(), survivors.size());
    survivors.forEach(node -> assertThat(after.shardsOf().get(node.nodeId())).containsAll(node.held()));
    assertThat(after.loads()).isEqualTo(drawn.shards().size() * wanted
        - survivors.stream().mapToInt(node -> node.held().size()).sum());
    int most = (drawn.shards().size() / layers(drawn).size() * wanted + survivors.size() - 1) / survivors.size();
    assertThat(layers(drawn)).allSatisfy(layer -> assertThat(after.shardsOf().values()).allSatisfy(
        shards -> assertThat(shards.stream().filter(shard -> shard.layer() == layer))
            .hasSizeLessThanOrEqualTo(most + 1)));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void noNodeIsOverfilledAndFirstReplicasComeBeforeSecondOnes(long seed) {
    Case drawn = Case.any(seed);
    Plan plan = drawn.plan();

    drawn.nodes().forEach(node -> assertThat(plan.shardsOf().get(node.nodeId()).size() * SHARD_BYTES)
        .isLessThanOrEqualTo(node.capacityBytes()));
    long room = drawn.nodes().stream().mapToLong(node -> Math.min(drawn.shards().size(), node.capacityBytes()
        / SHARD_BYTES)).sum();
    assertThat(plan.unplaced()).hasSize((int) Math.max(0, drawn.shards().size() - room));
    assertThat(plan.shardsOf().values()).allSatisfy(shards -> assertThat(shards).doesNotHaveDuplicates());
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aFasterNodeGetsMoreOfEveryLayer(long seed) {
    Case drawn = Case.even(seed);
    List<Node> nodes = IntStream.range(0, 4)
        .mapToObj(i -> new Node("node-" + i, AMPLE, i == 0 ? 3 : 1, "", Set.of())).toList();
    Plan plan = new PlacementPlanner(drawn.shards(), SHARD_BYTES, PlacementGoals.SINGLE).plan(nodes, PlanTerms.EVEN);

    layers(drawn).forEach(layer -> {
      long groups = drawn.shards().stream().filter(shard -> shard.layer() == layer).count();
      plan.shardsOf().forEach((node, shards) -> {
        double fair = groups * (node.equals("node-0") ? 3 : 1) / 6.0;
        assertThat((double) shards.stream().filter(shard -> shard.layer() == layer).count()).isBetween(
            Math.floor(fair) - 1, Math.ceil(fair) + 1);
      });
    });
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void replicasAreInDifferentZones(long seed) {
    Case drawn = Case.even(seed);
    List<Node> nodes = IntStream.range(0, 6)
        .mapToObj(i -> new Node("node-" + i, AMPLE, 1, "zone-" + i % 3, Set.of())).toList();
    Map<String, String> zoneOf = new HashMap<>();
    nodes.forEach(node -> zoneOf.put(node.nodeId(), node.zone()));
    PlacementPlanner planner = new PlacementPlanner(drawn.shards(), SHARD_BYTES, PlacementGoals.of(drawn.replicas()));
    Plan plan = planner.plan(nodes, PlanTerms.EVEN);

    assertThat(plan.owners().values()).allSatisfy(
        owners -> assertThat(owners.stream().map(zoneOf::get).distinct()).hasSize(drawn.replicas()));
    Plan without = planner.plan(holding(plan, nodes).subList(1, 6), PlanTerms.EVEN);
    assertThat(without.owners().values()).allSatisfy(
        owners -> assertThat(owners.stream().map(zoneOf::get).distinct()).hasSize(drawn.replicas()));
  }

  @Test
  void aNewZoneTakesReplicasThatSharedOne() {
    List<ShardId> shards = grid(10, 8);
    PlacementPlanner planner = new PlacementPlanner(shards, SHARD_BYTES, PlacementGoals.of(2));
    List<Node> same = IntStream.range(0, 2).mapToObj(i -> new Node("node-" + i, AMPLE, 1, "a", Set.of())).toList();
    List<Node> nodes = new ArrayList<>(holding(planner.plan(same, PlanTerms.EVEN), same));
    nodes.add(new Node("other", AMPLE, 1, "b", Set.of()));

    // A third of all replicas is the newcomer's share, and with a tenth more its limit.
    assertThat(planner.plan(nodes, PlanTerms.EVEN).shardsOf().get("other")).hasSizeBetween(53, 58);
  }

  @Test
  void aPlanForBalanceMovesReplicasFromASlowNodeWithinItsBound() {
    List<ShardId> shards = grid(10, 8);
    PlacementPlanner planner = new PlacementPlanner(shards, SHARD_BYTES, PlacementGoals.of(2));
    List<Node> even = nodes(AMPLE, 4);
    List<Node> uneven = holding(planner.plan(even, PlanTerms.EVEN), even).stream()
        .map(node -> new Node(node.nodeId(), AMPLE, node.nodeId().equals("node-0") ? 0.1 : 1, "", node.held()))
        .toList();
    for (int bound : new int[]{0, 1, 7, 20, 160}) {
      Plan plan = planner.plan(uneven, PlanTerms.balancing(Map.of(), 1.25, bound));
      assertThat(plan.loads()).isEqualTo(Math.min(bound, plan.loads())).isLessThanOrEqualTo(40);
      assertThat(plan.shardsOf().get("node-0")).hasSizeLessThanOrEqualTo(40 - Math.min(bound, 20));
      assertThat(plan.underReplicated()).isEmpty();
    }
  }

  @Test
  void hotGroupsGetTheReplicasThatAreToSpare() {
    List<ShardId> shards = grid(2, 8);
    Map<ShardId, Long> rows = new HashMap<>();
    shards.forEach(shard -> rows.put(shard, shard.group() == 5 ? 900L : 100L));
    Plan plan = new PlacementPlanner(shards, SHARD_BYTES, new PlacementGoals(1, 4)).plan(nodes(AMPLE, 4),
        PlanTerms.of(rows));

    plan.owners().forEach((shard, owners) -> assertThat(owners).hasSize(shard.group() == 5 ? 3 : 1));
    // Three of the hot group's thirds and seven cold groups: 3, 3, 3 (+1) and the rest of the cold ones elsewhere.
    assertThat(plan.shardsOf().values().stream().filter(held -> held.stream().noneMatch(shard -> shard.group() == 5)))
        .allSatisfy(held -> assertThat(held).hasSizeGreaterThanOrEqualTo(6));
  }

  @Test
  void withoutHotGroupsSpareReplicasStayUnused() {
    List<ShardId> shards = grid(2, 8);
    Plan plan = new PlacementPlanner(shards, SHARD_BYTES, new PlacementGoals(2, 4)).plan(nodes(AMPLE, 4),
        PlanTerms.EVEN);

    assertThat(plan.owners().values()).allSatisfy(owners -> assertThat(owners).hasSize(2));
  }

  @Test
  void aLostShardTakesThePlaceOfASecondReplicaWhereMemoryIsShort() {
    List<ShardId> shards = grid(1, 4);
    Node full = new Node("a", 3 * SHARD_BYTES, 1, "", Set.copyOf(shards.subList(0, 3)));
    Node other = new Node("b", 3 * SHARD_BYTES, 1, "", Set.copyOf(shards.subList(0, 3)));

    Plan plan = new PlacementPlanner(shards, SHARD_BYTES, PlacementGoals.of(2)).plan(List.of(full, other),
        PlanTerms.EVEN);

    assertThat(plan.unplaced()).isEmpty();
    assertThat(plan.underReplicated()).hasSize(2);
    assertThat(plan.loads()).isEqualTo(1);
  }

  @Test
  void aFullNodeGivesAShardToOneWithRoomThatHasTheMissingOne() {
    List<ShardId> shards = grid(1, 3);
    List<Node> nodes = List.of(new Node("a", 2 * SHARD_BYTES, 1, "", Set.of(shards.get(0), shards.get(1))),
        new Node("b", 2 * SHARD_BYTES, 1, "", Set.of(shards.get(2))),
        new Node("c", 2 * SHARD_BYTES, 1, "", Set.of(shards.get(0), shards.get(1))));

    Plan plan = new PlacementPlanner(shards, SHARD_BYTES, PlacementGoals.of(2)).plan(nodes, PlanTerms.EVEN);

    assertThat(plan.underReplicated()).isEmpty();
    assertThat(plan.loads()).isEqualTo(2);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aReplicaIsMissingOnlyWhereNobodyHasRoom(long seed) {
    Case any = Case.any(seed);

    Plan plan = any.plan();

    boolean isComplete = any.shards().stream()
        .allMatch(shard -> plan.owners().getOrDefault(shard, List.of()).size() >= any.wanted());
    assertThat(any.nodes()).as("%s", plan).allMatch(node -> isComplete
        || plan.shardsOf().get(node.nodeId()).size() == Math.min(any.shards().size(), node.capacityBytes()
            / SHARD_BYTES));
  }

  @Test
  void whereMemoryIsShortLayersAreEvenAllTheSame() {
    Node large = new Node("large", 24 * SHARD_BYTES, 1, "", Set.of());
    Node small = new Node("small", 8 * SHARD_BYTES, 1, "", Set.of());
    Plan plan = new PlacementPlanner(grid(4, 8), SHARD_BYTES, PlacementGoals.SINGLE).plan(List.of(large, small),
        PlanTerms.EVEN);

    assertThat(plan.unplaced()).isEmpty();
    IntStream.rangeClosed(1, 4).forEach(layer -> assertThat(
        plan.shardsOf().get("small").stream().filter(shard -> shard.layer() == layer)).hasSize(2));
  }

  @Test
  void whatDoesNotFitIsNamed() {
    Plan plan = new PlacementPlanner(grid(3, 4), SHARD_BYTES, PlacementGoals.SINGLE)
        .plan(nodes(5 * SHARD_BYTES + 1, 2), PlanTerms.EVEN);

    assertThat(plan.unplaced()).hasSize(2);
    assertThat(plan.shardsOf().values()).allSatisfy(shards -> assertThat(shards).hasSize(5));
    assertThat(
        new PlacementPlanner(grid(2, 2), SHARD_BYTES, PlacementGoals.SINGLE).plan(List.of(), PlanTerms.EVEN).unplaced())
        .hasSize(4);
  }

  @Test
  void goalsAndSpeedsThatCannotBeAreRefusedWithTheirValue() {
    assertThatThrownBy(() -> PlacementGoals.of(0)).hasMessageContaining("found 0");
    assertThatThrownBy(() -> new Node("n", 1, 0, "", Set.of())).hasMessageContaining("found 0.0");
  }

  private static List<Node> holding(Plan plan, List<Node> nodes) {
    return nodes.stream().map(node -> new Node(node.nodeId(), node.capacityBytes(), node.speed(), node.zone(),
        Set.copyOf(plan.shardsOf().get(node.nodeId())))).toList();
  }

  private static List<ShardId> grid(int layers, int groups) {
    return IntStream.range(1, layers + 1).boxed()
        .flatMap(layer -> IntStream.range(0, groups).mapToObj(group -> new ShardId(layer, group))).toList();
  }

  private static List<Node> nodes(long capacity, int count) {
    return IntStream.range(0, count).mapToObj(i -> new Node("node-" + i, capacity, 1, "", Set.of())).toList();
  }
}
