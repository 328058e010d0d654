package io.llada.expertnode;

import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.PartialSums;
import io.llada.model.experts.Routing;
import io.llada.proto.wire.DispatchPayload;
import io.llada.proto.wire.ElementType;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameHeader;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.ResultPayload;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Dispatches that nobody asked for, once, with the first shard that a process loads and before it serves: code that runs
/// for the first times is slow, and a layer of a request would wait for it. Thread-safe.
final class WarmUp {
  private static final Logger LOG = LoggerFactory.getLogger(WarmUp.class);
  /// As many as it takes until everything on the way is compiled.
  private static final int MOST_DISPATCHES = 2_000;
  private static final int MOST_TOKENS = 32;
  private static final int EXPERTS_PER_TOKEN = 2;
  private static final long SEED = 20_261_122;

  private final ExpertNodeModel model;
  private final Duration atMost;
  private final AtomicBoolean isDone = new AtomicBoolean();

  /// @param model what computes
  /// @param atMost no dispatch begins later than this after the first one
  WarmUp(ExpertNodeModel model, Duration atMost) {
    this.model = model;
    this.atMost = atMost;
  }

  /// Computes for a moment, the first time it is called.
  void once(ExpertShard shard) {
    if (!isDone.compareAndSet(false, true)) {
      return;
    }
    long begun = System.nanoTime();
    int dispatches = 0;
    while (dispatches < MOST_DISPATCHES && System.nanoTime() - begun < atMost.toNanos()) {
      ElementType type = dispatches % 2 == 0 ? ElementType.F32 : ElementType.BF16;
      dispatch(shard, 1 + dispatches % MOST_TOKENS, type);
      dispatches++;
    }
    LOG.info("warmed up with {} dispatches in {} ms", dispatches, Duration.ofNanos(System.nanoTime() - begun)
        .toMillis());
  }

  /// The way of a frame through the node, but for the transport.
  private void dispatch(ExpertShard shard, int tokens, ElementType type) {
    Frame frame = frame(shard, tokens, type);
    if (!frame.isIntact()) {
      throw new IllegalStateException("a frame that was just sealed has a wrong checksum");
    }
    DispatchPayload payload = DispatchPayload.decode(frame, model.hiddenSize());
    PartialSums sums = model.computation().compute(new ExpertBatch(shard.id().layer(), tokens, payload.rows(), payload
        .pairToken(), payload.pairExpert(), payload.pairWeight()), _ -> shard);
    new ResultPayload.Sums(sums.token(), sums.group(), sums.rows()).encode(frame.header(), 0);
  }

  private Frame frame(ExpertShard shard, int tokens, ElementType type) {
    SplittableRandom random = new SplittableRandom(SEED + tokens);
    float[] rows = new float[tokens * model.hiddenSize()];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextDouble(-2, 2);
    }
    int count = shard.experts().size();
    int perToken = Math.min(EXPERTS_PER_TOKEN, count);
    int[] experts = IntStream.range(0, tokens * perToken)
        .map(pair -> shard.firstExpert() + (pair / perToken + pair % perToken) % count).toArray();
    float[] weights = new float[experts.length];
    Arrays.fill(weights, 1);
    ExpertBatch batch = ExpertBatch.of(shard.id().layer(), rows, new Routing(tokens, perToken, experts, weights), model
        .moe());
    FrameHeader header = new FrameHeader(FrameKind.DISPATCH, type, 1, 0, shard.id().layer(), 0, 0, 0, 0, 0, 0, 0);
    return DispatchPayload.encode(header, new DispatchPayload.Rows(rows, IntStream.range(0, tokens).toArray(), model
        .hiddenSize()), batch.pairToken(), batch.pairExpert(), batch.pairWeight());
  }
}
