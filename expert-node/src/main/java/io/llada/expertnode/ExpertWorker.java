package io.llada.expertnode;

import io.llada.cluster.ClosableThread;
import io.llada.model.experts.DeviceException;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.PartialSums;
import io.llada.model.config.ShardId;
import io.llada.model.kernel.ThreadScheduling;
import io.llada.proto.wire.DispatchPayload;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameError;
import io.llada.proto.wire.FrameError.Code;
import io.llada.proto.wire.FrameException;
import io.llada.proto.wire.FrameHeader;
import io.llada.proto.wire.ResultPayload;
import java.time.Duration;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The bounded queue of dispatches and the one thread, `expert-worker`, that computes them over the shared pool.
///
/// Dispatches are computed one after another, each with all cores: that ends the first one soonest, and a layer of a
/// step cannot go on without it.
final class ExpertWorker implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ExpertWorker.class);
  private static final Duration IDLE_WAIT = Duration.ofSeconds(1);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration RETRY_WHEN_BUSY = Duration.ofMillis(5);

  private final ExpertNodeModel model;
  private final ShardStore store;
  private final int maxTokens;
  private final LongSupplier nanoClock;
  private final Consumer<DeviceException> onDeviceFailure;
  private final BlockingQueue<Work> queue;
  private final ClosableThread thread;
  private volatile boolean computing;

  /// @param onDeviceFailure told when the device failed, on the worker's thread
  ExpertWorker(ExpertNodeModel model, ShardStore store, ExpertNodeSettings settings,
      Consumer<DeviceException> onDeviceFailure) {
    this(model, store, settings, onDeviceFailure, System::nanoTime);
  }

  /// @param nanoClock monotonic nanoseconds
  ExpertWorker(ExpertNodeModel model, ShardStore store, ExpertNodeSettings settings,
      Consumer<DeviceException> onDeviceFailure, LongSupplier nanoClock) {
    this.model = model;
    this.store = store;
    this.maxTokens = settings.maxTokens();
    this.onDeviceFailure = onDeviceFailure;
    this.nanoClock = nanoClock;
    this.queue = new ArrayBlockingQueue<>(settings.queueCapacity());
    this.thread = new ClosableThread("expert-worker", this::run, CLOSE_TIMEOUT);
  }

  void start() {
    thread.start();
  }

  /// Takes a dispatch, or answers it with BUSY when the queue is full.
  void submit(Work work) {
    if (!queue.offer(work)) {
      work.answer().accept(error(work, Code.BUSY, "the queue holds %d dispatches and is full".formatted(queue.size()),
          RETRY_WHEN_BUSY));
    }
  }

  /// Forgets dispatches that have not begun.
  ///
  /// @return how many
  int forget(Predicate<Work> unwanted) {
    int before = queue.size();
    return queue.removeIf(unwanted) ? Math.max(1, before - queue.size()) : 0;
  }

  int queueDepth() {
    return queue.size();
  }

  boolean isIdle() {
    return queue.isEmpty() && !computing;
  }

  private void run() {
    if (!ThreadScheduling.compute()) {
      LOG.debug("this system knows no threads that only compute");
    }
    while (!thread.isClosed()) {
      try {
        Work work = queue.poll(IDLE_WAIT.toNanos(), TimeUnit.NANOSECONDS);
        if (work != null) {
          computing = true;
          serve(work);
        }
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException e) {
        LOG.error("an answer could not be sent", e);
      } finally {
        computing = false;
      }
    }
  }

  /// The next dispatch, which is in the queue no more; for whoever calls [#serve] in place of the thread.
  Optional<Work> next() {
    return Optional.ofNullable(queue.poll());
  }

  /// Computes a dispatch and hands over the answer.
  void serve(Work work) {
    Frame answer = answer(work);
    work.answer().accept(answer.after(Duration.ofNanos(nanoClock.getAsLong() - work.receivedAt())));
  }

  long nanoTime() {
    return nanoClock.getAsLong();
  }

  private Frame answer(Work work) {
    try {
      Duration waited = Duration.ofNanos(nanoClock.getAsLong() - work.receivedAt());
      if (waited.compareTo(work.dispatch().budget()) > 0) {
        return error(work, Code.BUSY, "waited %d ms, longer than the caller does".formatted(waited.toMillis()),
            Duration.ZERO);
      }
      return compute(work);
    } catch (FrameException e) {
      return Frame.error(work.dispatch().header(), e.error());
    } catch (DeviceException e) {
      onDeviceFailure.accept(e);
      return error(work, Code.DEVICE_FAILED, e.getMessage(), Duration.ZERO);
    } catch (RuntimeException e) {
      LOG.error("dispatch {} failed", work.dispatch().header(), e);
      return error(work, Code.INTERNAL, "the computation failed: " + e, Duration.ZERO);
    }
  }

  private Frame compute(Work work) {
    FrameHeader header = work.dispatch().header();
    requireSize(header);
    DispatchPayload payload = DispatchPayload.decode(work.dispatch(), model.hiddenSize());
    TreeSet<Integer> groups = requireOrderedGroups(payload, header);
    Optional<ShardStore.Loan> loan = store.lend(header.layer(), groups);
    if (loan.isEmpty()) {
      return error(work, Code.NOT_OWNER,
          "layer %d groups %s are not all held at epoch %d".formatted(header.layer(), groups, store.epoch()),
          Duration.ZERO);
    }
    try (ShardStore.Loan shards = loan.get()) {
      ExpertBatch batch = new ExpertBatch(header.layer(), header.tokens(), payload.rows(), payload.pairToken(),
          payload.pairExpert(), payload.pairWeight());
      PartialSums sums = model.computation().compute(batch, shards::shard);
      return new ResultPayload.Sums(sums.token(), sums.group(), sums.rows()).encode(header, store.epoch());
    }
  }

  private void requireSize(FrameHeader header) {
    if (header.tokens() > maxTokens || header.pairs() > (long) header.tokens() * model.moe().expertsPerToken()) {
      throw badRequest("a dispatch has at most %d tokens with %d experts each, found %d tokens and %d pairs"
          .formatted(maxTokens, model.moe().expertsPerToken(), header.tokens(), header.pairs()));
    }
  }

  /// Checks that pairs ascend by (group, token, expert), the order in which sums are made, and collects the groups.
  private TreeSet<Integer> requireOrderedGroups(DispatchPayload payload, FrameHeader header) {
    TreeSet<Integer> groups = new TreeSet<>();
    for (int pair = 0; pair < payload.pairExpert().length; pair++) {
      int expert = payload.pairExpert()[pair];
      if (expert < 0 || expert >= model.moe().experts()) {
        throw badRequest("pair %d names expert %d of %d".formatted(pair, expert, model.moe().experts()));
      }
      if (pair > 0 && !ascends(payload, pair)) {
        throw badRequest("pairs must ascend by group, token and expert, pair %d does not".formatted(pair));
      }
      ShardId shard = new ShardId(header.layer(), model.moe().groupOf(expert));
      if (!store.exists(shard)) {
        throw badRequest(shard + " does not exist in this model");
      }
      groups.add(shard.group());
    }
    return groups;
  }

  private boolean ascends(DispatchPayload payload, int pair) {
    int before = payload.pairExpert()[pair - 1];
    int expert = payload.pairExpert()[pair];
    int byGroup = Integer.compare(model.moe().groupOf(before), model.moe().groupOf(expert));
    int byToken = Integer.compare(payload.pairToken()[pair - 1], payload.pairToken()[pair]);
    return byGroup < 0 || byGroup == 0 && (byToken < 0 || byToken == 0 && before < expert);
  }

  private static FrameException badRequest(String message) {
    return new FrameException(FrameError.of(Code.BAD_REQUEST, message));
  }

  private Frame error(Work work, Code code, String message, Duration retryAfter) {
    return Frame.error(work.dispatch().header(), new FrameError(code, message, store.epoch(), retryAfter));
  }

  @Override
  public void close() {
    thread.close();
    queue.clear();
  }
}
