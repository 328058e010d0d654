package io.llada.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The real grid on loopback.
class HazelcastClusterTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String HOST = "127.0.0.1";

  @Test
  void leasesAndPlacementsCrossTheGridAndALostMemberIsSurvived() {
    int firstPort = freePort();
    int secondPort = freePort();
    List<String> members = List.of(HOST + ":" + firstPort, HOST + ":" + secondPort);
    String grid = "test-" + firstPort;
    HazelcastRegistry first = HazelcastRegistry.open(RegistrySettings.member(grid, HOST, firstPort, members));
    try (HazelcastRegistry second = HazelcastRegistry.open(RegistrySettings.member(grid, HOST, secondPort, members));
        HazelcastRegistry node = HazelcastRegistry.open(RegistrySettings.client(grid, members))) {
      await().atMost(PATIENCE).ignoreException(RegistryUnavailableException.class)
          .until(() -> node.claim(Leases.of("node-a", "life-1", 1)).isEmpty());
      assertThat(node.claim(Leases.of("node-a", "life-2", 1))).map(Lease::incarnation).contains("life-1");
      assertThat(second.leases()).containsExactly(Leases.of("node-a", "life-1", 1));

      first.publish(new PlacementRecord(4, "coordinator-1", List.of()));
      first.close();

      await().atMost(PATIENCE).ignoreException(RegistryUnavailableException.class).untilAsserted(() -> {
        node.publish(Leases.of("node-a", "life-1", 2));
        assertThat(second.leases()).extracting(Lease::sequence).containsExactly(2L);
        assertThat(second.placement()).map(PlacementRecord::epoch).contains(4L);
      });
      node.withdraw(Leases.of("node-a", "life-2", 9));
      assertThat(second.leases()).hasSize(1);

      await().pollInterval(Duration.ofSeconds(1)).atMost(HazelcastRegistry.LEASE_TTL.plusSeconds(10))
          .until(() -> second.leases().isEmpty());
    } finally {
      first.close();
    }
  }

  @Test
  void aClientWithoutAMemberStartsAndSaysThatTheRegistryIsAway() {
    List<String> nobody = List.of(HOST + ":" + freePort());
    try (HazelcastRegistry node = HazelcastRegistry.open(RegistrySettings.client("nobody", nobody))) {
      assertThatThrownBy(node::leases).isInstanceOf(RegistryUnavailableException.class)
          .hasMessageContaining("registry");
    }
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
