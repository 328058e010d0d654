package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.config.MoeConfig;
import io.llada.model.experts.Routing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Four groups of eight experts of the tiny model over four nodes.
class DivisionTest {
  private static final int GROUPS = 4;
  private static final List<String> NODES = List.of("a", "b", "c", "d");

  private final TinyCluster tiny = new TinyCluster();
  private final MoeConfig moe = tiny.model().moe();

  @AfterEach
  void close() {
    tiny.close();
  }

  /// One token per pair, so many pairs of each group.
  private RoutedRows rows(int... pairsOfGroup) {
    int tokens = Arrays.stream(pairsOfGroup).sum();
    int[] experts = new int[tokens];
    float[] weights = new float[tokens];
    int token = 0;
    for (int group = 0; group < GROUPS; group++) {
      for (int i = 0; i < pairsOfGroup[group]; i++) {
        experts[token] = group * moe.expertsPerGroup() + i % moe.expertsPerGroup();
        weights[token++] = 1;
      }
    }
    return RoutedRows.of(new float[tokens * TinyCluster.HIDDEN_SIZE], new Routing(tokens, 1, experts, weights), 0,
        tokens, moe);
  }

  /// Every group at two neighbours.
  private static Map<Portion, List<String>> atTwo(SortedSet<Portion> portions) {
    Map<Portion, List<String>> owners = new HashMap<>();
    portions.forEach(portion -> owners.put(portion,
        List.of(NODES.get(portion.group()), NODES.get((portion.group() + 1) % NODES.size()))));
    return owners;
  }

  private static SortedMap<String, Division.Node> nodes(double... slowness) {
    SortedMap<String, Division.Node> nodes = new TreeMap<>();
    for (int i = 0; i < slowness.length; i++) {
      nodes.put(NODES.get(i), new Division.Node(slowness[i], 0));
    }
    return nodes;
  }

  private Map<String, Integer> pairs(RoutedRows rows, Division division) {
    Map<String, Integer> pairs = new HashMap<>();
    division.byNode().forEach((node, portions) -> pairs.put(node, rows.only(portions, moe).pairExpert().length));
    return pairs;
  }

  @Test
  void groupsOfOneOwnerStayWholeHoweverUnequal() {
    RoutedRows rows = rows(100, 10, 10, 10);
    Map<Portion, List<String>> owners = new HashMap<>();
    rows.portions(moe).forEach(portion -> owners.put(portion, List.of(NODES.get(portion.group()))));
    Division division = new Division(rows, moe, owners, nodes(1, 1, 1, 1)).levelled();
    assertThat(pairs(rows, division)).containsOnly(Map.entry("a", 100), Map.entry("b", 10), Map.entry("c", 10),
        Map.entry("d", 10));
  }

  @Test
  void anUnevenLayerIsCutAmongReplicasSoThatNobodyHasMuchMoreThanAFairShare() {
    RoutedRows rows = rows(200, 40, 120, 40);
    Division division = new Division(rows, moe, atTwo(rows.portions(moe)), nodes(1, 1, 1, 1)).levelled();
    assertThat(pairs(rows, division).values()).allMatch(pairs -> pairs <= 110).hasSize(4);
    assertCoversEachPairOnce(rows, division);
  }

  @Test
  void aSlowNodeGetsAccordinglyLess() {
    RoutedRows rows = rows(100, 100, 100, 100);
    Division division = new Division(rows, moe, atTwo(rows.portions(moe)), nodes(4, 1, 1, 1)).levelled();
    Map<String, Integer> pairs = pairs(rows, division);
    assertThat(pairs.getOrDefault("a", 0)).isBetween(15, 45);
    assertThat(pairs.values()).allMatch(count -> count <= 150);
    assertCoversEachPairOnce(rows, division);
  }

  @Test
  void whatIsUnderWayCounts() {
    RoutedRows rows = rows(40, 0, 0, 0);
    SortedMap<String, Division.Node> nodes = nodes(1, 1);
    nodes.put("a", new Division.Node(1, 100));
    Division division = new Division(rows, moe, atTwo(rows.portions(moe)), nodes).levelled();
    assertThat(pairs(rows, division)).containsOnly(Map.entry("b", 40));
  }

  /// A node whose first answers were slow because it was cold is asked all the same, and soon for as much as the others.
  @Test
  void aColdStartStarvesNobody() {
    RoutedRows rows = rows(200, 40, 120, 40);
    SortedMap<String, ExpectedTimes> times = new TreeMap<>();
    NODES.forEach(node -> times.put(node, new ExpectedTimes()));
    Map<String, Integer> last = Map.of();
    long now = 0;
    for (int layer = 0; layer < 40; layer++) {
      SortedMap<String, ExpectedTimes.Estimate> estimates = new TreeMap<>();
      long asked = now;
      times.forEach((node, known) -> estimates.put(node, known.estimate(100, asked)));
      SortedMap<String, Division.Node> nodes = new TreeMap<>();
      Slowness.of(estimates).forEach((node, slowness) -> nodes.put(node, new Division.Node(slowness, 0)));
      last = pairs(rows, new Division(rows, moe, atTwo(rows.portions(moe)), nodes).levelled());
      boolean isCold = layer < 6;
      last.forEach((node, pairs) -> times.get(node)
          .add((long) (1e6 + pairs * 1e5) * (isCold && node.equals("a") ? 50 : 1), pairs, asked));
      now += 20_000_000;
    }
    assertThat(last).hasSize(4);
    assertThat(last.get("a")).isGreaterThan(70);
  }

  @Test
  void theSameInputGivesTheSameDivision() {
    RoutedRows rows = rows(50, 50, 50, 50);
    SortedMap<String, SortedSet<Portion>> first = new Division(rows, moe, atTwo(rows.portions(moe)), nodes(1, 1, 1, 1))
        .levelled().byNode();
    for (int i = 0; i < 10; i++) {
      assertThat(new Division(rows, moe, atTwo(rows.portions(moe)), nodes(1, 1, 1, 1)).levelled().byNode())
          .isEqualTo(first);
    }
    assertThat(first.get("a")).containsExactly(new Portion(0, 0, 200));
  }

  @Test
  void whatNobodyHoldsIsHomeless() {
    RoutedRows rows = rows(5, 5, 5, 5);
    Map<Portion, List<String>> owners = atTwo(rows.portions(moe));
    owners.put(new Portion(2, 0, 20), List.of());
    Division division = new Division(rows, moe, owners, nodes(1, 1, 1, 1));
    assertThat(division.homeless()).containsExactly(new Portion(2, 0, 20));
    assertThat(Portion.groups(division.byNode().values().stream().flatMap(SortedSet::stream).toList()))
        .containsExactly(0, 1, 3);
  }

  private void assertCoversEachPairOnce(RoutedRows rows, Division division) {
    List<Integer> tokens = new ArrayList<>();
    division.byNode().values().forEach(portions -> {
      RoutedRows part = rows.only(portions, moe);
      for (int token : part.pairToken()) {
        tokens.add(part.token()[token]);
      }
    });
    assertThat(tokens).hasSize(rows.pairExpert().length).doesNotHaveDuplicates();
    assertThat(new TreeSet<>(division.byNode().values().stream().flatMap(SortedSet::stream).toList()))
        .hasSize((int) division.byNode().values().stream().mapToLong(SortedSet::size).sum());
  }
}
