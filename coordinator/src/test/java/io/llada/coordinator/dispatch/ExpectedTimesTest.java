package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.llada.coordinator.dispatch.ExpectedTimes.Estimate;
import org.junit.jupiter.api.Test;

class ExpectedTimesTest {
  private static final double MILLI = 1e6;
  private static final long HALF_LIFE = ExpectedTimes.HALF_LIFE.toNanos();

  private final ExpectedTimes times = new ExpectedTimes();

  private void add(int count, double millis, int pairs, long now) {
    for (int i = 0; i < count; i++) {
      times.add((long) (millis * MILLI), pairs, now);
    }
  }

  @Test
  void theFirstAnswersCountNothingAndTheNextOnesForPart() {
    assertThat(times.estimate(10, 0)).isEqualTo(Estimate.UNKNOWN);
    add(ExpectedTimes.COLD, 500, 10, 0);
    assertThat(times.estimate(10, 0)).isEqualTo(Estimate.UNKNOWN);
    add(ExpectedTimes.SETTLED / 2, 2, 10, 0);
    assertThat(times.estimate(10, 0)).isEqualTo(new Estimate(2 * MILLI, 0.5));
    add(ExpectedTimes.SETTLED, 2, 10, 0);
    assertThat(times.estimate(10, 0)).isEqualTo(new Estimate(2 * MILLI, 1));
  }

  @Test
  void aNodeWithSmallDispatchesIsNotTakenForASlowOne() {
    ExpectedTimes small = new ExpectedTimes();
    for (int i = 0; i < 100; i++) {
      add(1, 1 + 0.01 * (80 + i % 5), 80 + i % 5, 0);
      small.add((long) ((1 + 0.01 * (5 + i % 5)) * MILLI), 5 + i % 5, 0);
    }
    assertThat(small.estimate(50, 0).nanos()).isCloseTo(times.estimate(50, 0).nanos(), within(0.02 * MILLI));
  }

  @Test
  void oneSlowAnswerSaysLittleManySayAll() {
    add(50, 2, 10, 0);
    add(1, 200, 10, 0);
    assertThat(times.estimate(10, 0).nanos()).isLessThan(3 * MILLI);
    add(60, 200, 10, 0);
    assertThat(times.estimate(10, 0).nanos()).isGreaterThan(180 * MILLI);
  }

  @Test
  void whatWasNotWaitedForCountsHalfWhereItWasLong() {
    add(50, 2, 10, 0);
    times.addUnanswered((long) (100 * MILLI), 10, 0);
    assertThat(times.estimate(10, 0).nanos()).isCloseTo(51 * MILLI, within(1.0));
    times.addUnanswered((long) MILLI, 10, 0);
    assertThat(times.estimate(10, 0).nanos()).isCloseTo(51 * MILLI, within(1.0));
  }

  @Test
  void whatIsOldCountsLessAndGivesWayToWhatIsNew() {
    add(50, 20, 10, 0);
    assertThat(times.estimate(10, HALF_LIFE).confidence()).isEqualTo(0.5);
    add(1, 2, 10, 2 * HALF_LIFE);
    assertThat(times.estimate(10, 2 * HALF_LIFE)).isEqualTo(new Estimate(6.5 * MILLI, 1));
  }
}
