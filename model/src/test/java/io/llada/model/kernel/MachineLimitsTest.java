package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/// The limits are measured, not timed against anything: a busy machine must not fail a test.
class MachineLimitsTest {
  @Test
  void bothSidesOfTheRooflineAreFoundWithAnyNumberOfThreads() {
    for (int threads : new int[]{1, 2}) {
      try (ComputePool pool = new ComputePool(threads); Arena arena = Arena.ofShared()) {
        assertThat(MachineLimits.readBytesPerSecond(arena.allocate(16 << 20), pool)).isPositive().isFinite();
        assertThat(MachineLimits.floatOperationsPerSecond(pool)).isPositive().isFinite();
      }
    }
  }

  @Test
  void tooLittleMemoryToReadIsRefused() {
    try (ComputePool pool = new ComputePool(1)) {
      MemorySegment small = MemorySegment.ofArray(new long[1024]);
      assertThatThrownBy(() -> MachineLimits.readBytesPerSecond(small, pool)).hasMessageContaining("less than a slice");
    }
  }
}
