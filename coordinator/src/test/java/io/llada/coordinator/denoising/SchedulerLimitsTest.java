package io.llada.coordinator.denoising;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class SchedulerLimitsTest {
  private static final SchedulerLimits USUAL = SchedulerLimits.DEFAULTS;

  @Test
  void cachesMayTakeHalfOfTheHeap() {
    assertThat(USUAL.within(2_000_000, 100).runningTokens()).isEqualTo(10_000);
    assertThat(USUAL.within(2_000_000, 50).runningTokens()).as("half the bytes, twice the positions").isEqualTo(20_000);
  }

  @Test
  void enoughMemoryChangesNothing() {
    assertThat(USUAL.within(Long.MAX_VALUE, 100)).isEqualTo(USUAL);
  }

  @Test
  void aHeapWithoutRoomForOnePositionIsRefused() {
    assertThatThrownBy(() -> USUAL.within(100, 100)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(
        "-Xmx");
  }
}
