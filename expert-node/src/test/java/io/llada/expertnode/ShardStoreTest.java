package io.llada.expertnode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.expertnode.ShardRefusedException.Reason;
import io.llada.model.experts.ExpertShard;
import io.llada.model.config.ShardId;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ShardStoreTest {
  private static final ShardId A = new ShardId(1, 0);
  private static final ShardId B = new ShardId(1, 1);
  private static final ShardId C = new ShardId(2, 3);

  private final TinyModel tiny = new TinyModel();
  private final ShardStore store = new ShardStore(tiny.model, 2 * tiny.model.shardBytes());

  @AfterEach
  void close() {
    store.close();
    tiny.close();
  }

  @Test
  void whatIsPreparedCanComputeAndWhatIsActivatedStays() {
    store.prepare(1, List.of(A, B));
    assertThat(store.lend(1, Set.of(0, 1))).isPresent().get().satisfies(ShardStore.Loan::close);

    store.activate(1, List.of(A));

    assertThat(store.contents()).isEqualTo(new ShardStore.Contents(1, List.of(A), tiny.model.shardBytes()));
    assertThat(store.lend(1, Set.of(0, 1))).isEmpty();
  }

  @Test
  void preparingKeepsTheActivePlacement() {
    store.prepare(1, List.of(A));
    store.activate(1, List.of(A));
    store.prepare(2, List.of(B));

    assertThat(store.contents().shards()).containsExactly(A, B);
  }

  @Test
  void aShardOfAnAbandonedPlanMakesRoom() {
    store.prepare(1, List.of(A));
    store.activate(1, List.of(A));
    store.prepare(2, List.of(B));
    store.prepare(3, List.of(C));

    assertThat(store.contents().shards()).containsExactly(A, C);
  }

  @Test
  void whatDoesNotFitIsRefusedByNameAndSizeBeforeAnythingIsLoaded() {
    assertThatThrownBy(() -> store.prepare(1, List.of(A, B, C))).isInstanceOfSatisfying(ShardRefusedException.class,
        refused -> assertThat(refused.reason()).isEqualTo(Reason.OUT_OF_MEMORY))
        .hasMessageContaining(A.toString()).hasMessageContaining(String.valueOf(3 * tiny.model.shardBytes()))
        .hasMessageContaining(String.valueOf(2 * tiny.model.shardBytes()));
    assertThat(store.contents().shards()).isEmpty();
  }

  @Test
  void anOlderEpochIsRefusedAndTheSameOneIsHarmless() {
    store.prepare(5, List.of(A));
    store.prepare(5, List.of(A));
    assertThat(refusal(() -> store.prepare(4, List.of(A)))).isEqualTo(Reason.STALE_EPOCH);
    assertThat(refusal(() -> store.activate(4, List.of(A)))).isEqualTo(Reason.STALE_EPOCH);
  }

  @Test
  void whatDoesNotExistOrIsNotPreparedIsRefused() {
    assertThat(refusal(() -> store.prepare(1, List.of(new ShardId(0, 0))))).isEqualTo(Reason.UNKNOWN_SHARD);
    assertThat(refusal(() -> store.prepare(1, List.of(new ShardId(1, 99))))).isEqualTo(Reason.UNKNOWN_SHARD);
    assertThat(refusal(() -> store.activate(1, List.of(A)))).isEqualTo(Reason.NOT_PREPARED);
  }

  @Test
  void aShardInUseOutlivesItsPlacement() {
    store.prepare(1, List.of(A));
    store.activate(1, List.of(A));
    ShardStore.Loan loan = store.lend(1, Set.of(0)).orElseThrow();
    ExpertShard shard = loan.shard(0);

    store.prepare(2, List.of(B));
    store.activate(2, List.of(B));

    assertThat(shard.experts().getFirst().gate().data().scope().isAlive()).isTrue();
    loan.close();
    assertThat(shard.experts().getFirst().gate().data().scope().isAlive()).isFalse();
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
