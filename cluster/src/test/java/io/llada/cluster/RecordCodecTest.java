package io.llada.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordCodecTest {
  private final RecordCodec codec = new RecordCodec();

  @Test
  void aLeaseSurvives() {
    Lease lease = Leases.of("node-a", "life-1", 7);
    assertThat(codec.decodeLease(codec.encode(lease))).isEqualTo(lease);
  }

  @Test
  void aPlacementSurvives() {
    PlacementRecord placement = new PlacementRecord(3, "coordinator-1",
        List.of(new PlacementRecord.Assignment(new HeldShard(1, 2), List.of("node-a", "node-b"))));
    assertThat(codec.decodePlacement(codec.encode(placement))).isEqualTo(placement);
  }

  @Test
  void aFieldOfANewerReleaseIsIgnored() {
    String json = new String(codec.encode(Leases.of("node-a", "life-1", 7)), StandardCharsets.UTF_8);
    byte[] newer = json.replaceFirst("\\{", "{\"zone\":\"west\",").getBytes(StandardCharsets.UTF_8);
    assertThat(codec.decodeLease(newer)).isEqualTo(Leases.of("node-a", "life-1", 7));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "null", "[]", "{}", "{\"nodeId\":\"a\"}", "not json", "{\"nodeId\":null}"})
  void whatIsNoLeaseIsRefused(String value) {
    assertThatThrownBy(() -> codec.decodeLease(value.getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(RegistryValueException.class).hasMessageContaining("Lease");
  }

  @Test
  void aValueBeyondTheLimitIsRefusedUnread() {
    assertThatThrownBy(() -> codec.decodeLease(new byte[(1 << 20) + 1])).isInstanceOf(RegistryValueException.class)
        .hasMessageContaining("1048576");
  }
}
