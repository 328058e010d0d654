package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.coordinator.placement.PlacementGoals;
import io.llada.coordinator.placement.PlacementSettings;
import io.llada.coordinator.placement.Rebalancing;
import io.llada.model.experts.ActivationType;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class DispatchSettingsTest {
  @Test
  void theUsualLimitsAreTheDocumentedOnes() {
    assertThat(DispatchSettings.of("c", ActivationType.BF16)).isEqualTo(new DispatchSettings("c", ActivationType.BF16,
        512, 128, Duration.ofMinutes(1), Duration.ofSeconds(30), Duration.ofSeconds(10), 20));
    assertThat(PlacementSettings.of("c", PlacementGoals.of(2))).isEqualTo(
        new PlacementSettings("c", new PlacementGoals(2, 0), Duration.ofMillis(500), Duration.ofSeconds(1),
            Duration.ofMillis(300), Duration.ofSeconds(5), Duration.ofSeconds(3), Duration.ofSeconds(45),
            Duration.ofMinutes(10), Rebalancing.USUAL));
  }

  @Test
  void whatCannotWorkIsRefusedWithItsValue() {
    Duration second = Duration.ofSeconds(1);
    assertThatThrownBy(() -> new DispatchSettings("c", ActivationType.F32, 0, 1, second, second, second, 1))
        .hasMessageContaining("0 tokens");
    assertThatThrownBy(() -> new DispatchSettings("c", ActivationType.F32, 1, 1, Duration.ZERO, second, second, 1))
        .hasMessageContaining("PT0S");
  }
}
