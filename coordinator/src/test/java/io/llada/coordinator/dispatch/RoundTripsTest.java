package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RoundTripsTest {
  private static final long MILLI = 1_000_000;

  private final RoundTrips trips = new RoundTrips();

  private void add(int count, long millis) {
    for (int i = 0; i < count; i++) {
      trips.add(millis * MILLI);
    }
  }

  @Test
  void aDispatchIsLateAfterFourTimesTheSlowestWithinBounds() {
    assertThat(trips.lateAfter()).isEqualTo(RoundTrips.LONGEST);
    add(8, 2);
    assertThat(trips.lateAfter()).isEqualTo(RoundTrips.SHORTEST);
    add(8, 50);
    assertThat(trips.lateAfter()).isEqualTo(Duration.ofMillis(200));
    add(8, 400);
    assertThat(trips.lateAfter()).isEqualTo(RoundTrips.LONGEST);
    // A node that always takes two seconds is not late after one.
    add(8, 2_000);
    assertThat(trips.lateAfter()).isEqualTo(Duration.ofSeconds(3));
    add(64, 2);
    assertThat(trips.lateAfter()).isEqualTo(RoundTrips.SHORTEST);
  }
}
