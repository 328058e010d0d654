package io.llada.expertnode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.expertnode.ExpertNodeSettings.Sources;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ExpertNodeSettingsTest {
  @Test
  void theUsualLimitsAreTheDocumentedOnes() {
    assertThat(ExpertNodeSettings.of("node-a", "127.0.0.1", 7101, 1L << 30))
        .isEqualTo(new ExpertNodeSettings("node-a", "127.0.0.1", 7101, Optional.empty(), 1L << 30, 1_024, 32, 4,
            "", Duration.ofSeconds(120), Sources.NONE));
  }

  @Test
  void whatCannotWorkIsRefusedWithItsValue() {
    assertThatThrownBy(() -> ExpertNodeSettings.of(" ", "127.0.0.1", 0, 1)).hasMessageContaining("id");
    assertThatThrownBy(() -> ExpertNodeSettings.of("a", "127.0.0.1", 70_000, 1)).hasMessageContaining("70000");
    assertThatThrownBy(() -> ExpertNodeSettings.of("a", "127.0.0.1", 0, 0)).hasMessageContaining("found 0");
    assertThatThrownBy(
        () -> new ExpertNodeSettings("a", "b", 0, Optional.empty(), 1, 0, 1, 1, "", Duration.ZERO, Sources.NONE))
        .hasMessageContaining("found 0, 1, 1");
    assertThatThrownBy(
        () -> new ExpertNodeSettings("a", "b", 0, Optional.empty(), 1, 1, 1, 1, "", Duration.ofSeconds(-1),
            Sources.NONE))
        .hasMessageContaining("PT-1S");
  }
}
