package io.llada.coordinator.placement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ShardId;
import io.llada.model.experts.Routing;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LoadWatchTest {
  private static final long SECOND = 1_000_000_000;
  /// 4 layers of 4 groups, 8 experts each.
  private static final ExpertModel MODEL = model();
  private static final Rebalancing SETTINGS = new Rebalancing(1.25, Duration.ofSeconds(60), Duration.ofMinutes(5), 0.25,
      Duration.ofMinutes(2));

  private final LoadWatch watch = new LoadWatch(SETTINGS, MODEL);

  private static ExpertModel model() {
    try (Checkpoint checkpoint = Checkpoint.open(Path.of("../deploy/models/llada2-tiny-chat"))) {
      return ExpertModel.of(checkpoint.config(), "digest", "class", 1);
    }
  }

  private void count(int layer, int group, int pairs) {
    int[] experts = new int[pairs];
    Arrays.fill(experts, group * 8 + 3);
    watch.routed().count(layer, new Routing(pairs / 4, 4, experts, new float[pairs]));
  }

  private void countEverywhere(int pairs) {
    MODEL.shards().forEach(shard -> count(shard.layer(), shard.group(), pairs));
  }

  private static List<ShardId> group(int group) {
    return MODEL.shards().stream().filter(shard -> shard.group() == group).toList();
  }

  @Test
  void littleIsKnownBeforeThereAreEnoughPairs() {
    countEverywhere(8);
    watch.note(Map.of(), 0);
    assertThat(watch.load()).isEmpty();
  }

  @Test
  void loadsAreToldInCoarseStepsOfTheMeanAndFade() {
    countEverywhere(1_000);
    watch.note(Map.of(), 0);
    assertThat(watch.load()).hasSize(16).containsValue(100L).doesNotContainValue(125L);
    for (int i = 0; i < 4; i++) {
      count(2, 1, 1_000);
    }
    watch.note(Map.of(), SECOND);
    assertThat(watch.load().get(new ShardId(2, 1))).isGreaterThan(300);
    assertThat(watch.load().get(new ShardId(2, 0))).isEqualTo(80);

    // An hour later nothing is left of it.
    countEverywhere(1_000);
    watch.note(Map.of(), 3_600 * SECOND);
    assertThat(watch.load()).containsEntry(new ShardId(2, 1), 100L);
  }

  @Test
  void imbalanceIsTheSlowestNodesTimeBesideThePerfectSpread() {
    Map<String, List<ShardId>> even = Map.of("a", group(0), "b", group(1), "c", group(2), "d", group(3));
    assertThat(watch.imbalance(even)).isEqualTo(1);
    assertThat(watch.imbalance(Map.of("a", MODEL.shards(), "b", MODEL.shards()))).isEqualTo(1);
    assertThat(watch.imbalance(Map.of("a", MODEL.shards(), "b", List.of()))).isEqualTo(2);
    assertThat(watch.imbalance(Map.of())).isEqualTo(1);

    Pace fast = new Pace(1_000, 10, 1e6, 1e5);
    Pace slow = new Pace(1_000, 10, 1e7, 1e6);
    watch.note(Map.of(), 0);
    watch.note(Map.of("a", fast, "b", fast, "c", fast, "d", slow), 3_600 * SECOND);
    assertThat(watch.imbalance(even)).isCloseTo(10 * 3.1 / 4, within(0.8));
    assertThat(watch.imbalance(Map.of("a", List.of(group(0), group(3)).stream().flatMap(List::stream).toList(), "b",
        group(1), "c", group(2), "d", List.of()))).isCloseTo(2 * 3.1 / 4, within(0.1));
  }

  @Test
  void aPlanIsDueAfterAWhileOfImbalanceAndNotSoonAfterAnother() {
    assertThat(watch.isPlanDue(1.3, 0)).isFalse();
    assertThat(watch.isPlanDue(1.3, 59 * SECOND)).isFalse();
    assertThat(watch.isPlanDue(1.3, 60 * SECOND)).isTrue();
    assertThat(watch.isPlanDue(1.2, 61 * SECOND)).isFalse();
    assertThat(watch.isPlanDue(1.3, 62 * SECOND)).as("it was even in between").isFalse();
    assertThat(watch.isPlanDue(1.3, 122 * SECOND)).isTrue();
    watch.planned(122 * SECOND);
    assertThat(watch.isPlanDue(9, 123 * SECOND)).isFalse();
    assertThat(watch.isPlanDue(9, 400 * SECOND)).isFalse();
    assertThat(watch.isPlanDue(9, 422 * SECOND)).isTrue();
  }

  @Test
  void aPlanForBalanceMovesAtMostAShareOfTheReplicas() {
    assertThat(watch.balancingTerms(30).maxMoves()).isEqualTo(8);
    assertThat(watch.terms().maxMoves()).isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void settingsMustMakeSense() {
    assertThatThrownBy(() -> new Rebalancing(0.9, Duration.ZERO, Duration.ZERO, 0.5, Duration.ofSeconds(1)))
        .hasMessageContaining("0.9");
    assertThatThrownBy(() -> new Rebalancing(1.1, Duration.ZERO, Duration.ZERO, 1.5, Duration.ofSeconds(1)))
        .hasMessageContaining("1.5");
    assertThatThrownBy(() -> new Rebalancing(1.1, Duration.ZERO, Duration.ZERO, 0.5, Duration.ZERO))
        .hasMessageContaining("PT0S");
  }
}
