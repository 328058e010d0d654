package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.coordinator.dispatch.ExpectedTimes.Estimate;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class SlownessTest {
  private static SortedMap<String, Double> of(Map<String, Estimate> estimates) {
    return Slowness.of(new TreeMap<>(estimates));
  }

  @Test
  void nodesOfWhichNothingIsKnownAreAlike() {
    assertThat(of(Map.of("a", Estimate.UNKNOWN, "b", Estimate.UNKNOWN))).containsOnly(Map.entry("a", 1.0),
        Map.entry("b", 1.0));
  }

  @Test
  void smallDifferencesAreChance() {
    assertThat(of(Map.of("a", new Estimate(100, 1), "b", new Estimate(110, 1), "c", new Estimate(120, 1))))
        .containsOnly(Map.entry("a", 1.0), Map.entry("b", 1.0), Map.entry("c", 1.0));
  }

  @Test
  void aSlowNodeIsSlowForAsLongAsThatIsFreshAndThenAsGoodAsTheQuickest() {
    Estimate usual = new Estimate(100, 1);
    assertThat(of(Map.of("a", usual, "b", usual, "c", new Estimate(1_280, 1)))).containsEntry("c", 16.0);
    assertThat(of(Map.of("a", usual, "b", usual, "c", new Estimate(1_280, 0.5)))).containsEntry("c", 4.0);
    assertThat(of(Map.of("a", new Estimate(50, 1), "b", usual, "c", Estimate.UNKNOWN, "d", usual)))
        .containsOnly(Map.entry("a", 0.5), Map.entry("b", 1.0), Map.entry("c", 0.5), Map.entry("d", 1.0));
  }
}
