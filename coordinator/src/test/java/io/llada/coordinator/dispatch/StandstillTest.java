package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class StandstillTest {
  private static DispatchTimes millis(long waiting, long transport) {
    return new DispatchTimes(Duration.ofMillis(waiting), Duration.ofMillis(transport));
  }

  private static DispatchTimes times(long stood, long roundTrip, long service) {
    Standstill standstill = new Standstill();
    standstill.stood(Duration.ofMillis(stood));
    standstill.answered(Duration.ofMillis(roundTrip), Duration.ofMillis(service));
    return standstill.times();
  }

  @Test
  void aCallThatIsWaitedForFromTheBeginningIsWorkAndTransport() {
    assertThat(times(10, 10, 8)).isEqualTo(millis(8, 2));
  }

  @Test
  void whatTheCoordinatorDidMeanwhileCoversTheBeginning() {
    assertThat(times(5, 10, 6)).as("way there and a part of the work are covered").isEqualTo(millis(3, 2));
    assertThat(times(1, 10, 6)).as("all but a part of the way back is covered").isEqualTo(millis(0, 1));
  }

  @Test
  void anAnswerThatWasThereAlreadyCostsNothing() {
    assertThat(times(0, 10, 6)).isEqualTo(DispatchTimes.NONE);
  }

  @Test
  void aNodeThatDoesNotSayHowLongItWorkedLeavesTransport() {
    assertThat(times(10, 10, 0)).isEqualTo(millis(0, 10));
  }

  @Test
  void aServiceTimeBeyondTheRoundTripIsNotBelieved() {
    assertThat(times(10, 10, 1_000)).isEqualTo(millis(10, 0));
  }

  @Test
  void theLastAnswerDecidesAndEveryWaitCounts() {
    Standstill standstill = new Standstill();
    standstill.stood(Duration.ofMillis(4));
    standstill.answered(Duration.ofMillis(4), Duration.ofMillis(1));
    standstill.stood(Duration.ofMillis(6));
    standstill.answered(Duration.ofMillis(10), Duration.ofMillis(8));
    assertThat(standstill.times()).isEqualTo(millis(8, 2));
  }
}
