package io.llada.expertnode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.expertnode.ShardRefusedException.Reason;
import io.llada.expertnode.ShardStore.Planned;
import io.llada.model.experts.ExpertShard;
import io.llada.model.config.ShardId;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ShardStoreTest {
  private static final String COORDINATOR = "coordinator-1";
  private static final Map<ShardId, List<String>> NOWHERE = Map.of();
  private static final ShardId A = new ShardId(1, 0);
  private static final ShardId B = new ShardId(1, 1);
  private static final ShardId C = new ShardId(2, 3);

  private final TinyModel tiny = new TinyModel();
  private final AtomicLong now = new AtomicLong();
  private final ShardStore store = new ShardStore(tiny.loader(), shard -> {}, 2 * tiny.model.shardBytes(), now::get);

  @AfterEach
  void close() {
    store.close();
    tiny.close();
  }

  @Test
  void whatIsPreparedCanComputeAndWhatIsActivatedStays() {
    store.prepare(plan(1, A, B), NOWHERE);
    assertThat(store.lend(1, Set.of(0, 1))).isPresent().get().satisfies(ShardStore.Loan::close);

    store.activate(plan(1, A), COORDINATOR);
    store.unload(Set.of(COORDINATOR));

    assertThat(store.contents())
        .isEqualTo(new ShardStore.Contents(1, List.of(A), tiny.model.shardBytes(), plan(1, A)));
    assertThat(store.lend(1, Set.of(0, 1))).isEmpty();
  }

  @Test
  void aShardOfTheOldPlacementStaysUntilEveryCoordinatorHasLeftItOrTheGraceIsOver() {
    store.prepare(plan(1, A), NOWHERE);
    store.activate(plan(1, A), COORDINATOR);
    store.activate(plan(1, A), "coordinator-2");
    Set<String> both = Set.of(COORDINATOR, "coordinator-2");
    store.prepare(plan(2, B), NOWHERE);
    store.unload(both);
    assertThat(store.contents().shards()).containsExactly(A, B);

    store.activate(plan(2, B), COORDINATOR);
    store.unload(both);
    assertThat(store.contents().shards()).containsExactly(A, B);

    store.activate(plan(2, B), "coordinator-2");
    store.unload(both);
    assertThat(store.contents().shards()).containsExactly(B);

    store.prepare(plan(3, A), NOWHERE);
    store.activate(plan(3, A), COORDINATOR);
    now.addAndGet(ShardStore.UNLOAD_GRACE.toNanos() - 1);
    store.unload(both);
    assertThat(store.contents().shards()).containsExactly(A, B);
    now.incrementAndGet();
    store.unload(both);
    assertThat(store.contents().shards()).containsExactly(A);
  }

  @Test
  void ofTwoPlansOfOneEpochThatOfTheFirstPlannerCounts() {
    store.prepare(plan(1, A), NOWHERE);
    store.prepare(new Planned(1, "planner-a", Set.of(B)), NOWHERE);

    assertThat(store.contents().planned()).isEqualTo(new Planned(1, "planner-a", Set.of(B)));
    assertThat(refusal(() -> store.prepare(plan(1, A), NOWHERE))).isEqualTo(Reason.STALE_EPOCH);
    assertThat(refusal(() -> store.activate(plan(1, A), COORDINATOR))).isEqualTo(Reason.STALE_EPOCH);
  }

  @Test
  void anAcknowledgementCountsForThePlanItWasGivenToNotForAnotherOfItsEpoch() {
    Set<String> both = Set.of(COORDINATOR, "coordinator-2");
    store.prepare(plan(1, A), NOWHERE);
    store.activate(plan(1, A), COORDINATOR);
    store.activate(plan(1, A), "coordinator-2");
    Planned overtaking = new Planned(1, "planner-a", Set.of(B));

    store.prepare(overtaking, NOWHERE);
    store.unload(both);
    assertThat(store.contents().shards()).containsExactly(A, B);

    now.addAndGet(ShardStore.UNLOAD_GRACE.toNanos());
    store.activate(overtaking, COORDINATOR);
    store.unload(both);
    assertThat(store.contents().shards()).containsExactly(A, B);

    store.activate(overtaking, "coordinator-2");
    store.unload(both);
    assertThat(store.contents().shards()).containsExactly(B);
  }

  @Test
  void whatIsReleasedGoesAtOnceAndMakesRoom() {
    store.prepare(plan(1, A, B), NOWHERE);
    store.activate(plan(1, A, B), COORDINATOR);
    assertThat(refusal(() -> store.prepare(plan(2, A, C), NOWHERE))).isEqualTo(Reason.OUT_OF_MEMORY);

    store.release(plan(2, A));
    store.prepare(plan(2, A, C), NOWHERE);

    assertThat(store.contents().shards()).containsExactly(A, C);
  }

  @Test
  void preparingKeepsTheActivePlacement() {
    store.prepare(plan(1, A), NOWHERE);
    store.activate(plan(1, A), COORDINATOR);
    store.prepare(plan(2, B), NOWHERE);

    assertThat(store.contents().shards()).containsExactly(A, B);
  }

  @Test
  void aShardOfAnAbandonedPlanMakesRoomWhenItIsReleased() {
    store.prepare(plan(1, A), NOWHERE);
    store.activate(plan(1, A), COORDINATOR);
    store.prepare(plan(2, B), NOWHERE);
    assertThat(refusal(() -> store.prepare(plan(3, C), NOWHERE))).isEqualTo(Reason.OUT_OF_MEMORY);
    assertThat(store.contents().shards()).containsExactly(A, B);

    store.release(plan(3, A));
    store.prepare(plan(3, C), NOWHERE);

    assertThat(store.contents().shards()).containsExactly(A, C);
  }

  @Test
  void whatDoesNotFitIsRefusedByNameAndSizeBeforeAnythingIsLoaded() {
    assertThatThrownBy(() -> store.prepare(plan(1, A, B, C), NOWHERE))
        .isInstanceOfSatisfying(ShardRefusedException.class,
            refused -> assertThat(refused.reason()).isEqualTo(Reason.OUT_OF_MEMORY))
        .hasMessageContaining(A.toString()).hasMessageContaining(String.valueOf(3 * tiny.model.shardBytes()))
        .hasMessageContaining(String.valueOf(2 * tiny.model.shardBytes()));
    assertThat(store.contents().shards()).isEmpty();
  }

  @Test
  void anOlderEpochIsRefusedAndTheSameOneIsHarmless() {
    store.prepare(plan(5, A), NOWHERE);
    store.prepare(plan(5, A), NOWHERE);
    assertThat(refusal(() -> store.prepare(plan(4, A), NOWHERE))).isEqualTo(Reason.STALE_EPOCH);
    assertThat(refusal(() -> store.activate(plan(4, A), COORDINATOR))).isEqualTo(Reason.STALE_EPOCH);
  }

  @Test
  void whatDoesNotExistOrIsNotPreparedIsRefused() {
    assertThat(refusal(() -> store.prepare(plan(1, new ShardId(0, 0)), NOWHERE))).isEqualTo(Reason.UNKNOWN_SHARD);
    assertThat(refusal(() -> store.prepare(plan(1, new ShardId(1, 99)), NOWHERE))).isEqualTo(Reason.UNKNOWN_SHARD);
    assertThat(refusal(() -> store.activate(plan(1, A), COORDINATOR))).isEqualTo(Reason.NOT_PREPARED);
  }

  @Test
  void aShardInUseOutlivesItsPlacement() {
    store.prepare(plan(1, A), NOWHERE);
    store.activate(plan(1, A), COORDINATOR);
    ShardStore.Loan loan = store.lend(1, Set.of(0)).orElseThrow();
    ExpertShard shard = loan.shard(0);

    store.prepare(plan(2, B), NOWHERE);
    store.activate(plan(2, B), COORDINATOR);
    store.unload(Set.of());

    assertThat(shard.experts().getFirst().gate().data().scope().isAlive()).isTrue();
    loan.close();
    assertThat(shard.experts().getFirst().gate().data().scope().isAlive()).isFalse();
  }

  private static Planned plan(long epoch, ShardId... shards) {
    return new Planned(epoch, "planner-b", Set.of(shards));
  }

  private static Reason refusal(Runnable action) {
    try {
      action.run();
    } catch (ShardRefusedException e) {
      return e.reason();
    }
    throw new AssertionError("expected a refusal");
  }
}
