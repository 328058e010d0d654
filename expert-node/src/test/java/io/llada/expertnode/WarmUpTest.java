package io.llada.expertnode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.ShardWeights;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class WarmUpTest {
  private static final ShardId FIRST = new ShardId(1, 0);
  private static final ShardId SECOND = new ShardId(1, 1);

  private final TinyModel tiny = new TinyModel();
  private final ShardWeights weights = tiny.model.checkpoint().orElseThrow().weights();
  private final AtomicInteger computed = new AtomicInteger();
  private final AtomicInteger closed = new AtomicInteger();

  @AfterEach
  void close() {
    tiny.close();
  }

  private ExpertNodeModel model(ExpertNodeModel.Computation computation) {
    return new ExpertNodeModel(tiny.model.outline(), tiny.model.numericsClass(), "cpu", tiny.model.checkpoint(),
        (id, from) -> {
          ExpertShard shard = tiny.model.placing().load(id, from);
          return new ExpertShard(id, shard.firstExpert(), shard.experts(), () -> {
            closed.incrementAndGet();
            shard.close();
          });
        }, computation);
  }

  private ExpertNodeModel counting() {
    return model((batch, shards) -> {
      computed.incrementAndGet();
      return tiny.model.computation().compute(batch, shards);
    });
  }

  @Test
  void theFirstShardIsComputedWithBeforeItServesAndNoOtherIs() {
    ExpertNodeModel model = counting().warmedUp(Duration.ofSeconds(5));
    try (ExpertShard first = model.placing().load(FIRST, weights)) {
      int before = computed.get();
      assertThat(before).as("dispatches with %s", first.id()).isPositive();
      model.placing().load(SECOND, weights).close();
      assertThat(computed).hasValue(before);
    }
  }

  @Test
  void nothingIsComputedWhenThereIsNoTime() {
    counting().warmedUp(Duration.ZERO).placing().load(FIRST, weights).close();
    assertThat(computed).hasValue(0);
  }

  @Test
  void aShardThatCannotBeComputedIsFreed() {
    ExpertNodeModel failing = model((batch, shards) -> {
      throw new IllegalStateException("the device is broken");
    }).warmedUp(Duration.ofSeconds(5));
    assertThatThrownBy(() -> failing.placing().load(FIRST, weights)).hasMessage("the device is broken");
    assertThat(closed).hasValue(1);
  }
}
