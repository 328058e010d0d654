package io.llada.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.gateway.coordinator.Endpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GatewaySettingsTest {
  private static final Path MODEL = Path.of("model");
  private static final Endpoint COORDINATOR = new Endpoint("127.0.0.1", 7000);

  @Test
  void theDefaultsAreLoopbackAndNamedLimits() {
    assertThat(GatewaySettings.local(MODEL, List.of(COORDINATOR))).isEqualTo(new GatewaySettings("127.0.0.1", 8080,
        MODEL,
        List.of(COORDINATOR), new GatewayLimits(4_194_304, 256, 10_000, Duration.ofMinutes(10), Duration.ofSeconds(10),
            Duration.ofSeconds(30), Duration.ofSeconds(60), Duration.ofSeconds(15), Duration.ofSeconds(30),
            Duration.ofSeconds(10))));
  }

  @Test
  void wrongSettingsAreRefusedWithTheirRange() {
    GatewayLimits limits = GatewayLimits.defaults();
    assertThatThrownBy(() -> new GatewaySettings("", 1, MODEL, List.of(COORDINATOR), limits))
        .hasMessageContaining("host");
    assertThatThrownBy(() -> new GatewaySettings("h", 65536, MODEL, List.of(COORDINATOR), limits))
        .hasMessageContaining("65536");
    assertThatThrownBy(() -> new GatewaySettings("h", 1, MODEL, List.of(), limits)).hasMessageContaining("at least 1");
    assertThatThrownBy(() -> new GatewaySettings("h", 1, MODEL, List.of(COORDINATOR, COORDINATOR), limits))
        .hasMessageContaining("twice");
    assertThatThrownBy(
        () -> new GatewayLimits(1, 1, 1, Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1),
            Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1)))
        .hasMessageContaining("maxBodyBytes is 1");
    assertThatThrownBy(() -> new GatewayLimits(4096, 1, 1, Duration.ZERO, Duration.ofSeconds(1), Duration.ofSeconds(1),
        Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1)))
        .hasMessageContaining("answerDeadline");
  }

  @Test
  void anEndpointIsReadFromHostAndPort() {
    assertThat(Endpoint.parse("node-1:7000")).isEqualTo(new Endpoint("node-1", 7000));
    assertThat(Endpoint.parse("[::1]:7000")).isEqualTo(new Endpoint("::1", 7000)).hasToString("[::1]:7000");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "host", "host:", ":7", "host:x", "host:0", "host:65536", "::1:7000", "host:-1"})
  void whatIsNoEndpointIsRefused(String text) {
    assertThatThrownBy(() -> Endpoint.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aMissingTokenizerOrATakenPortIsSaidPlainly(@TempDir Path empty) throws IOException {
    assertThatThrownBy(() -> new GatewayServer(GatewaySettings.local(empty, List.of(COORDINATOR))))
        .isInstanceOf(IOException.class).hasMessageContaining("tokenizer.json");
    try (GatewayFixture taken = new GatewayFixture();
        GatewayServer second = new GatewayServer(new GatewaySettings("127.0.0.1",
            taken.port, GoldenPrompts.tinyModel(), List.of(taken.coordinator.endpoint()), GatewayFixture.LIMITS))) {
      assertThatThrownBy(second::start).isInstanceOf(IOException.class).hasMessageContaining("127.0.0.1:" + taken.port);
    }
  }
}
