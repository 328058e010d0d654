package io.llada.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class LeasePublisherTest {
  private static final Duration FAST = Duration.ofMillis(50);
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final InMemoryRegistry registry = new InMemoryRegistry();

  @Test
  void theSequenceRisesUntilTheLeaseIsWithdrawn() {
    try (LeasePublisher publisher = publisher("life-1")) {
      publisher.start();
      await().atMost(PATIENCE).until(() -> registry.leases().getFirst().sequence() > 4);
    }
    assertThat(registry.leases()).isEmpty();
  }

  @Test
  void aSecondProcessUnderALivingIdIsRefused() {
    // The holder writes often enough to be seen alive within the challenger's patience.
    try (LeasePublisher first = publisher("life-1");
        LeasePublisher second = new LeasePublisher(registry,
            () -> Leases.at("127.0.0.1:7102", "node-a", "life-2", 0), Duration.ofMillis(300))) {
      first.start();
      assertThatThrownBy(second::start).isInstanceOf(NodeIdTakenException.class).hasMessageContaining("node-a")
          .hasMessageContaining("life-1");
      assertThat(registry.leases()).extracting(Lease::incarnation).containsExactly("life-1");
    }
  }

  @Test
  void aDeadLeaseIsTakenOver() {
    registry.publish(Leases.at("127.0.0.1:7102", "node-a", "dead", 3));
    try (LeasePublisher second = publisher("life-2")) {
      second.start();
      assertThat(registry.leases()).extracting(Lease::incarnation).containsExactly("life-2");
    }
  }

  @Test
  void aRestartedProcessRenewsItsLeaseAtOnce() {
    registry.publish(Leases.of("node-a", "killed", 3));
    Duration interval = Duration.ofMinutes(1);
    try (LeasePublisher restarted = new LeasePublisher(registry, () -> Leases.of("node-a", "life-2", 0), interval)) {
      long start = System.nanoTime();
      restarted.start();
      assertThat(registry.leases()).extracting(Lease::incarnation).containsExactly("life-2");
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(interval);
    }
  }

  private LeasePublisher publisher(String incarnation) {
    return new LeasePublisher(registry, () -> Leases.of("node-a", incarnation, 0), FAST);
  }
}
