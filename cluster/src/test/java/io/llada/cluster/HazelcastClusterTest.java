package io.llada.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

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

  /// The lonely member knows the others, who do not know it: they form two grids until it goes looking.
  @Test
  void whenASplitGridHealsTheNewerPlacementStays() {
    int lonelyPort = freePort();
    int firstPort = freePort();
    int secondPort = freePort();
    String grid = "test-" + lonelyPort;
    List<String> pair = List.of(HOST + ":" + firstPort, HOST + ":" + secondPort);
    List<String> all = List.of(HOST + ":" + lonelyPort, pair.get(0), pair.get(1));
    try (HazelcastRegistry lonely = HazelcastRegistry.open(RegistrySettings.member(grid, HOST, lonelyPort, all));
        HazelcastRegistry first = HazelcastRegistry.open(RegistrySettings.member(grid, HOST, firstPort, pair));
        HazelcastRegistry second = HazelcastRegistry.open(RegistrySettings.member(grid, HOST, secondPort, pair))) {
      first.publish(new PlacementRecord(5, "coordinator-1", List.of()));
      lonely.publish(new PlacementRecord(9, "coordinator-2", List.of()));
      lonely.publish(Leases.of("node-a", "life-1", 3));
      assertThat(second.placement()).map(PlacementRecord::epoch).contains(5L);

      await().atMost(PATIENCE).ignoreException(RegistryUnavailableException.class).untilAsserted(() -> {
        for (HazelcastRegistry member : List.of(lonely, first, second)) {
          assertThat(member.placement()).map(PlacementRecord::epoch).contains(9L);
          assertThat(member.leases()).extracting(Lease::nodeId).containsExactly("node-a");
        }
      });
    }
  }

  @Test
  void anOlderPlacementNeverReplacesANewerOne() {
    int port = freePort();
    try (HazelcastRegistry grid = HazelcastRegistry.open(RegistrySettings.member("test-" + port, HOST, port, List
        .of())); Registry twin = new InMemoryRegistry()) {
      for (Registry registry : List.of(grid, twin)) {
        registry.publish(new PlacementRecord(4, "b", List.of()));
        registry.publish(new PlacementRecord(3, "a", List.of()));
        assertThat(registry.placement()).map(PlacementRecord::epoch).contains(4L);
        registry.publish(new PlacementRecord(4, "a", List.of()));
        registry.publish(new PlacementRecord(4, "c", List.of()));
        assertThat(registry.placement()).map(PlacementRecord::plannerId).contains("a");
        registry.publish(new PlacementRecord(5, "z", List.of()));
        assertThat(registry.placement()).map(PlacementRecord::epoch).contains(5L);
      }
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
    return FreePorts.find(HOST, 1).getFirst();
  }
}
