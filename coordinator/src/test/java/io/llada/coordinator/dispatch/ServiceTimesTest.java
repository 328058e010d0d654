package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.llada.coordinator.placement.Pace;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ServiceTimesTest {
  private final ServiceTimes times = new ServiceTimes();

  @Test
  void timeIsFittedByALineOverThePairs() {
    assertThat(times.pace()).isEqualTo(Pace.NONE);
    for (int i = 0; i < 1_000; i++) {
      int pairs = 10 + i % 7 * 10;
      times.add(Duration.ofNanos(1_000_000 + 5_000L * pairs), pairs);
    }
    Pace pace = times.pace();
    assertThat(pace.dispatches()).isEqualTo(1_000);
    assertThat(pace.nanosPerPair()).isCloseTo(5_000, within(1.0));
    assertThat(pace.pairs()).isCloseTo(40, within(3.0));
    assertThat(pace.nanos()).isCloseTo(1_200_000, within(15_000.0));
  }

  @Test
  void dispatchesOfOneSizeAreTakenAsProportionalToIt() {
    for (int i = 0; i < 10; i++) {
      times.add(Duration.ofMillis(2), 20);
    }
    assertThat(times.pace()).isEqualTo(new Pace(10, 20, 2e6, 1e5));
  }

  @Test
  void theSlopeStaysBetweenNothingAndEverything() {
    times.add(Duration.ofMillis(9), 10);
    times.add(Duration.ofMillis(1), 30);
    assertThat(times.pace().nanosPerPair()).isZero();
    times.add(Duration.ofMillis(90), 31);
    assertThat(times.pace().nanosPerPair()).isLessThanOrEqualTo(times.pace().nanos() / times.pace().pairs());
  }

  @Test
  void whatWasNotWaitedForCountsWhereItWasLong() {
    times.addUnanswered(Duration.ofMillis(100), 10);
    assertThat(times.pace()).isEqualTo(Pace.NONE);
    times.add(Duration.ofMillis(2), 10);
    times.addUnanswered(Duration.ofMillis(1), 10);
    assertThat(times.pace().nanos()).isEqualTo(2e6);
    times.addUnanswered(Duration.ofMillis(6), 10);
    assertThat(times.pace().nanos()).isEqualTo(4e6);
  }

  @Test
  void oneDispatchThatWasHeldUpSaysLittle() {
    for (int i = 0; i < 1_000; i++) {
      times.add(Duration.ofMillis(i % 100 == 50 ? 500 : 1), 10);
    }
    assertThat(times.pace().nanos()).isLessThan(1.2e6);
  }

  @Test
  void aNodeThatBecomesSlowIsSeenToBe() {
    for (int i = 0; i < 10_000; i++) {
      times.add(Duration.ofMillis(1), 10);
    }
    for (int i = 0; i < 3 * ServiceTimes.WINDOW; i++) {
      times.add(Duration.ofMillis(10), 10);
    }
    assertThat(times.pace().nanos()).isGreaterThan(8e6);
  }
}
