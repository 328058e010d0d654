package io.llada.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LeaseTrackerTest {
  private final OutageRegistry registry = new OutageRegistry();
  private long now = 1;
  private final LeaseTracker tracker = new LeaseTracker(registry, () -> now);

  @Test
  void aNewLeaseJoinsOnce() {
    registry.publish(Leases.of("node-a", "life-1", 1));

    assertThat(tracker.poll().joined()).extracting(Lease::nodeId).containsExactly("node-a");
    assertThat(tracker.poll().isEmpty()).isTrue();
    assertThat(tracker.fresh()).hasSize(1);
  }

  @Test
  void aLeaseThatStopsChangingLeavesAndOneThatChangesStays() {
    registry.publish(Leases.of("dead", "life-1", 1));
    for (int second = 0; second <= 7; second++) {
      registry.publish(Leases.of("alive", "life-2", second));
      tracker.poll();
      pass(Duration.ofSeconds(1));
    }
    assertThat(tracker.fresh()).extracting(Lease::nodeId).containsExactly("alive");
  }

  @Test
  void aWithdrawnLeaseLeavesAtOnce() {
    registry.publish(Leases.of("node-a", "life-1", 1));
    tracker.poll();
    registry.withdraw(Leases.of("node-a", "life-1", 9));

    assertThat(tracker.poll().left()).extracting(Lease::nodeId).containsExactly("node-a");
  }

  @Test
  void aNewLifeOfTheSameNodeJoinsAsTheOldOneLeaves() {
    registry.publish(Leases.of("node-a", "life-1", 5));
    tracker.poll();
    registry.publish(Leases.of("node-a", "life-2", 5));

    LeaseChanges changes = tracker.poll();

    assertThat(changes.joined()).extracting(Lease::incarnation).containsExactly("life-2");
    assertThat(changes.left()).extracting(Lease::incarnation).containsExactly("life-1");
  }

  @Test
  void theLastViewSurvivesAnOutageAndGetsTimeAfterIt() {
    registry.publish(Leases.of("node-a", "life-1", 1));
    tracker.poll();
    registry.down = true;
    pass(Duration.ofHours(1));

    assertThat(tracker.poll().isEmpty()).isTrue();
    assertThat(tracker.isRegistryReachable()).isFalse();
    assertThat(tracker.staleFor()).contains(Duration.ofHours(1));
    assertThat(tracker.fresh()).hasSize(1);

    registry.down = false;
    assertThat(tracker.poll().isEmpty()).isTrue();
    assertThat(tracker.staleFor()).isEmpty();
    pass(LeaseTracker.FRESH_FOR);
    assertThat(tracker.poll().left()).extracting(Lease::nodeId).containsExactly("node-a");
  }

  @Test
  void listenersHearOfChangesOnly() {
    List<LeaseChanges> heard = new ArrayList<>();
    tracker.onChange(heard::add);
    tracker.poll();
    registry.publish(Leases.of("node-a", "life-1", 1));
    tracker.poll();
    tracker.poll();

    assertThat(heard).hasSize(1);
  }

  private void pass(Duration time) {
    now += time.toNanos();
  }

  /// An in-memory registry that can be away.
  private static final class OutageRegistry implements Registry {
    private final InMemoryRegistry registry = new InMemoryRegistry();
    private boolean down;

    @Override
    public Optional<Lease> claim(Lease lease) {
      return registry.claim(lease);
    }

    @Override
    public void publish(Lease lease) {
      registry.publish(lease);
    }

    @Override
    public void withdraw(Lease lease) {
      registry.withdraw(lease);
    }

    @Override
    public List<Lease> leases() {
      if (down) {
        throw new RegistryUnavailableException("away", null);
      }
      return registry.leases();
    }

    @Override
    public void publish(PlacementRecord placement) {
      registry.publish(placement);
    }

    @Override
    public Optional<PlacementRecord> placement() {
      return registry.placement();
    }

    @Override
    public void listen(Runnable onChange) {
      registry.listen(onChange);
    }

    @Override
    public void close() {
      registry.close();
    }
  }
}
