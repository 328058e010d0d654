package io.llada.coordinator.placement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NodeSpeedsTest {
  private final NodeSpeeds speeds = new NodeSpeeds();

  /// A node that takes this long for a pair, and nothing beside.
  private static Pace pace(double nanosPerPair) {
    return new Pace(1_000, 40, 40 * nanosPerPair, nanosPerPair);
  }

  private void note(Map<String, Pace> paces) {
    speeds.note(paces, Duration.ofHours(1));
  }

  @Test
  void speedsAreToldBesideTheMedianNode() {
    note(Map.of("a", pace(100), "b", pace(105), "c", pace(95), "slow", pace(1_000)));
    assertThat(speeds.of("a")).isEqualTo(1);
    assertThat(speeds.of("b")).isEqualTo(1);
    assertThat(speeds.of("c")).isEqualTo(1);
    assertThat(speeds.of("slow")).isCloseTo(0.1, within(0.015));
  }

  @Test
  void aNodeWithHardlyAnyMeasurementsCountsAsAverage() {
    Pace few = new Pace(NodeSpeeds.LEAST_DISPATCHES - 1, 40, 1e9, 1e6);
    note(Map.of("a", pace(100), "b", pace(100), "new", few, "unknown", Pace.NONE));
    assertThat(speeds.of("new")).isEqualTo(1);
    assertThat(speeds.of("unknown")).isEqualTo(1);
    assertThat(speeds.of("never heard of")).isEqualTo(1);
  }

  @Test
  void aSpeedIsKeptUntilAMeasurementIsClearlyElsewhere() {
    note(Map.of("a", pace(100), "b", pace(100), "c", pace(116)));
    assertThat(speeds.of("c")).as("nearest step is the next one, but not by much").isEqualTo(1);
    note(Map.of("a", pace(100), "b", pace(100), "c", pace(122)));
    assertThat(speeds.of("c")).isEqualTo(1 / NodeSpeeds.STEP);
    note(Map.of("a", pace(100), "b", pace(100), "c", pace(108)));
    assertThat(speeds.of("c")).isEqualTo(1 / NodeSpeeds.STEP);
    note(Map.of("a", pace(100), "b", pace(100), "c", pace(102)));
    assertThat(speeds.of("c")).isEqualTo(1);
  }

  @Test
  void aMeasurementOfAMomentChangesNothingAndOneThatLastsDoes() {
    Map<String, Pace> paces = Map.of("a", pace(100), "b", pace(100), "c", pace(500));
    speeds.note(paces, NodeSpeeds.HALF_LIFE.dividedBy(10));
    assertThat(speeds.of("c")).isEqualTo(1);
    for (int i = 0; i < 50; i++) {
      speeds.note(paces, NodeSpeeds.HALF_LIFE.dividedBy(10));
    }
    assertThat(speeds.of("c")).isCloseTo(0.2, within(0.03));
  }

  @Test
  void aNodeWithSmallDispatchesIsNotSlowForIt() {
    // Each takes 1 ms for a dispatch and 10 us for a pair of it.
    note(Map.of("large", new Pace(1_000, 300, 4e6, 1e4), "small", new Pace(1_000, 10, 1.1e6, 1e4)));
    assertThat(speeds.of("large")).isEqualTo(1);
    assertThat(speeds.of("small")).isEqualTo(1);
  }

  @Test
  void aNodeThatLeftIsForgotten() {
    note(Map.of("a", pace(100), "b", pace(100), "c", pace(1_000)));
    note(Map.of("a", pace(100), "b", pace(100)));
    assertThat(speeds.of("c")).isEqualTo(1);
  }
}
