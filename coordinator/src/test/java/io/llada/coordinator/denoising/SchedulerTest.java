package io.llada.coordinator.denoising;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.Experts;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.model.experts.MissingExperts;
import io.llada.model.experts.Omissions;
import io.llada.model.experts.Omissions.Omission;
import io.llada.model.experts.Routing;
import io.llada.model.experts.LocalExperts;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Many requests at once on the bundled model.
class SchedulerTest {
  private static final Checkpoint CHECKPOINT = Checkpoint.open(Golden.TINY_MODEL);
  private static final ComputePool POOL = new ComputePool(2);
  private static final Experts LOCAL = LocalExperts.load(CHECKPOINT, ActivationType.F32, Kernels.best(), POOL);

  private static SchedulerLimits limits(int rows, long running, long queued) {
    return new SchedulerLimits(rows, running, queued, Duration.ofSeconds(10), Duration.ofSeconds(10));
  }

  private static Scheduler scheduler(Experts experts, SchedulerLimits limits) {
    return new Scheduler(TestModel.over(CHECKPOINT, experts, Kernels.best(), POOL), limits);
  }

  private static DenoisingRequest request(int promptLength, int maxTokens, long seed) {
    int[] prompt = IntStream.range(0, promptLength).map(i -> 300 + (i * 37 + promptLength) % 1500).toArray();
    return new DenoisingRequest("r" + promptLength, prompt, new DiffusionSettings(maxTokens, 8, 32, Remasking.THRESHOLD,
        0.9f, seed == 0 ? Sampling.GREEDY : new Sampling(0.9f, 0, 0.95f, seed), true,
        DiffusionSettings.Editing.REFERENCE, 0));
  }

  private static List<String> run(Scheduler scheduler, List<DenoisingRequest> requests) {
    List<RecordingListener> listeners = requests.stream().map(request -> {
      RecordingListener listener = new RecordingListener();
      scheduler.submit(request, listener);
      return listener;
    }).toList();
    return listeners.stream().map(listener -> {
      listener.await();
      return listener.steps.stream()
          .map(step -> Arrays.toString(step.window()) + Arrays.toString(step
              .confidences()))
          .toList().toString();
    }).toList();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 32, 33, 64, 100, 512, 4096})
  void theRowsOfAForwardPassChangeNoTrace(int rowsPerForward) {
    List<DenoisingRequest> requests = IntStream.of(1, 31, 32, 33, 95, 96, 97, 250)
        .mapToObj(length -> request(length, 70,
            length % 2 * 5))
        .toList();
    List<String> expected = new ArrayList<>();
    try (Scheduler alone = scheduler(LOCAL, limits(4096, 65536, 65536))) {
      requests.forEach(request -> expected.addAll(run(alone, List.of(request))));
    }
    try (Scheduler shared = scheduler(LOCAL, limits(rowsPerForward, 65536, 65536))) {
      assertThat(run(shared, requests)).isEqualTo(expected);
    }
  }

  @Test
  void severalRequestsShareAForwardPass() {
    Semaphore steps = new Semaphore(0);
    try (Scheduler scheduler = scheduler(paced(steps), limits(512, 65536, 65536))) {
      List<RecordingListener> listeners = IntStream.range(0, 8).mapToObj(i -> new RecordingListener()).toList();
      listeners.forEach(listener -> scheduler.submit(request(10, 32, 0), listener));
      await().until(() -> scheduler.statistics().queued() + scheduler.statistics().running() == 8);
      steps.release(10_000);
      listeners.forEach(RecordingListener::await);
      int separate = listeners.stream().mapToInt(listener -> listener.await().forwards()).sum();
      assertThat(scheduler.statistics().forwards()).isLessThan(separate);
    }
  }

  /// Local experts that take a permit per forward pass (at the first MoE layer).
  private static Experts paced(Semaphore steps) {
    return (layer, rows, routing) -> {
      if (layer == 1 && !steps.tryAcquire(1)) {
        try {
          assertThat(steps.tryAcquire(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new ExpertsUnavailableException(1, Set.of(0), "interrupted");
        }
      }
      return LOCAL.dispatch(layer, rows, routing);
    };
  }

  /// A scheduler with paced experts that does not hang in the probe it begins with: none follows for a while.
  private static Scheduler probed(Semaphore steps, SchedulerLimits limits) {
    Scheduler scheduler = scheduler(paced(steps), limits);
    steps.release();
    await().until(() -> scheduler.statistics().forwards() == 1);
    return scheduler;
  }

  @Test
  void aFinishedRequestLeavesAtOnceAndAWaitingOneTakesItsPlace() {
    try (Scheduler scheduler = scheduler(LOCAL, limits(512, 64, 65536))) {
      List<RecordingListener> listeners = IntStream.range(0, 5).mapToObj(i -> new RecordingListener()).toList();
      listeners.forEach(listener -> scheduler.submit(request(10, 40, 0), listener));
      listeners.forEach(RecordingListener::await);
      await().until(() -> scheduler.statistics().running() == 0 && scheduler.statistics().queued() == 0);
    }
  }

  @Test
  void aCancelledRequestFreesItsSlotWithinAStep() {
    Semaphore steps = new Semaphore(0);
    try (Scheduler scheduler = probed(steps, limits(512, 64, 65536))) {
      RecordingListener cancelled = new RecordingListener();
      Scheduler.Ticket ticket = scheduler.submit(request(10, 54, 3), cancelled);
      RecordingListener next = new RecordingListener();
      scheduler.submit(request(12, 20, 0), next);
      await().until(() -> scheduler.statistics().running() == 1);
      ticket.cancel();
      steps.release(2); // what is under way, and at most one more
      await().until(() -> cancelled.steps.size() <= 2 && scheduler.statistics().queued() == 0);
      steps.release(1_000);
      next.await();
      assertThat(cancelled.isDone()).isFalse();
    }
  }

  @Test
  void theQueueIsBoundedInTokens() {
    Semaphore steps = new Semaphore(0);
    try (Scheduler scheduler = probed(steps, limits(512, 64, 128))) {
      scheduler.submit(request(10, 54, 0), new RecordingListener());
      await().until(() -> scheduler.statistics().running() == 1);
      scheduler.submit(request(10, 54, 0), new RecordingListener());
      scheduler.submit(request(10, 54, 0), new RecordingListener());
      assertThatThrownBy(() -> scheduler.submit(request(10, 54, 0), new RecordingListener())).isInstanceOf(
          AdmissionException.class).hasMessageContaining("128");
      steps.release(10_000);
      await().until(() -> scheduler.statistics().queued() == 0);
    }
  }

  @Test
  void wrongRequestsAreRefusedWithValueAndLimit() {
    try (Scheduler scheduler = scheduler(LOCAL, limits(512, 65536, 65536))) {
      requireRefused(scheduler, new int[0], 10, "empty");
      requireRefused(scheduler, new int[]{5, 2048}, 10, "prompt token 1 is 2048, expected 0..2047");
      requireRefused(scheduler, new int[]{-1}, 10, "prompt token 0 is -1");
      requireRefused(scheduler, new int[]{5, 1988}, 10, "mask token 1988");
      requireRefused(scheduler, new int[]{5}, 3000, "3001, above the context length of 2048");
    }
  }

  private static void requireRefused(Scheduler scheduler, int[] prompt, int maxTokens, String complaint) {
    assertThatThrownBy(() -> scheduler.submit(new DenoisingRequest("x", prompt, DiffusionSettings.defaults(maxTokens,
        32)), new RecordingListener())).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(complaint);
  }

  @Test
  void missingExpertsFailTheirRequestsAndTheNextOnesWork() {
    AtomicBoolean broken = new AtomicBoolean();
    Experts experts = (layer, rows, routing) -> {
      if (broken.get()) {
        throw new ExpertsUnavailableException(1, Set.of(0), "no expert node holds layer 1 group 0");
      }
      return LOCAL.dispatch(layer, rows, routing);
    };
    try (Scheduler scheduler = scheduler(experts, limits(512, 65536, 65536))) {
      broken.set(true);
      RecordingListener failing = new RecordingListener();
      scheduler.submit(request(10, 20, 0), failing);
      assertThatThrownBy(failing::await).isInstanceOf(ExpertsUnavailableException.class).hasMessageContaining(
          "layer 1 group 0");
      broken.set(false);
      RecordingListener working = new RecordingListener();
      scheduler.submit(request(10, 20, 0), working);
      assertThat(working.await().tokens()).isNotEmpty();
    }
  }

  /// Local experts of which nobody holds one group.
  private record Incomplete(AtomicInteger waits, AtomicBoolean isHeld) implements Experts {
    static final ShardId MISSING = new ShardId(1, 0);

    @Override
    public MissingExperts stillMissing(MissingExperts missing) {
      return isHeld.get() ? MissingExperts.NONE : missing;
    }

    @Override
    public Pending dispatch(int layer, float[] rows, Routing routing) {
      return dispatch(layer, rows, routing, Omissions.none());
    }

    @Override
    public Pending dispatch(int layer, float[] rows, Routing routing, Omissions omissions) {
      if (isHeld.get()) {
        return LOCAL.dispatch(layer, rows, routing);
      }
      if (layer == MISSING.layer() && !omissions.allowed().shards().contains(MISSING)) {
        waits.incrementAndGet();
        throw new ExpertsUnavailableException(1, Set.of(0), "layer 1 groups [0]",
            new MissingExperts(7, Set.of(MISSING)));
      }
      if (layer == MISSING.layer()) {
        omissions.add(new Omission(1, 0, IntStream.range(0, routing.tokens()).toArray()));
      }
      return LOCAL.dispatch(layer, rows, routing);
    }
  }

  /// While experts are known to be missing, who needs them waits apart and nobody else for him.
  @Test
  void whoCannotDoWithoutMissingExpertsMakesNobodyElseWait() throws InterruptedException {
    Incomplete experts = new Incomplete(new AtomicInteger(), new AtomicBoolean());
    SchedulerLimits limits = new SchedulerLimits(512, 65536, 65536, Duration.ofMillis(10), Duration.ofMinutes(5));
    try (Scheduler scheduler = scheduler(experts, limits)) {
      RecordingListener first = new RecordingListener();
      scheduler.submit(degradable(request(12, 40, 0)), first);
      first.await();
      int waits = experts.waits().get();

      RecordingListener strict = new RecordingListener();
      scheduler.submit(request(12, 40, 0), strict);
      await().until(() -> scheduler.statistics().running() == 1);
      RecordingListener allowing = new RecordingListener();
      scheduler.submit(degradable(request(12, 40, 0)), allowing);
      assertThat(allowing.await().tokens()).isNotEmpty();
      assertThat(experts.waits().get()).isEqualTo(waits);

      experts.isHeld().set(true);
      assertThat(strict.await().tokens()).isNotEmpty();
      assertThat(strict.degradations).isNotEmpty().allMatch(Degradation.NONE::equals);
      assertThat(experts.waits().get()).isEqualTo(waits);
    }
  }

  private static DenoisingRequest degradable(DenoisingRequest request) {
    return new DenoisingRequest(request.id(), request.promptIds(), request.settings(), request.committedIds(), true);
  }

  @Test
  void whoAllowsItGoesOnWithoutMissingExpertsAndIsMarkedWhileTheOthersFail() {
    Incomplete experts = new Incomplete(new AtomicInteger(), new AtomicBoolean());
    // without probes, which wait for experts as well
    SchedulerLimits limits = new SchedulerLimits(512, 65536, 65536, Duration.ofMinutes(5), Duration.ofMillis(50));
    try (Scheduler scheduler = scheduler(experts, limits)) {
      RecordingListener allowing = new RecordingListener();
      RecordingListener strict = new RecordingListener();
      scheduler.submit(degradable(request(40, 70, 0)), allowing);
      scheduler.submit(request(10, 70, 0), strict);
      assertThatThrownBy(strict::await).isInstanceOf(ExpertsUnavailableException.class)
          .hasMessageContaining("layer 1 groups [0]");
      assertThat(allowing.await().tokens()).isNotEmpty();
      Degradation first = allowing.degradations.getFirst();
      assertThat(first.layers()).containsExactly(1);
      assertThat(first.groups()).containsExactly(0);
      assertThat(first.tokens()).isGreaterThanOrEqualTo(40);
      int waits = experts.waits().get();
      RecordingListener another = new RecordingListener();
      scheduler.submit(degradable(request(12, 40, 0)), another);
      assertThat(another.await().tokens()).isNotEmpty();
      assertThat(experts.waits().get()).isEqualTo(waits); // what was waited for once is not waited for again

      RecordingListener vain = new RecordingListener();
      scheduler.submit(request(12, 40, 0), vain);
      assertThatThrownBy(vain::await).isInstanceOf(ExpertsUnavailableException.class);
      assertThat(experts.waits().get()).isEqualTo(waits);

      experts.isHeld().set(true);
      RecordingListener complete = new RecordingListener();
      scheduler.submit(degradable(request(12, 40, 0)), complete);
      complete.await();
      assertThat(complete.degradations).isNotEmpty().allMatch(Degradation.NONE::equals);
      experts.isHeld().set(false);
      RecordingListener last = new RecordingListener();
      scheduler.submit(degradable(request(12, 40, 0)), last);
      last.await();
      assertThat(experts.waits().get()).isEqualTo(waits + 1); // it had been back, so it is waited for
    }
  }

  @Test
  void withAllExpertsThereTheFlagChangesNoBitAndNothingIsMarked() {
    DenoisingRequest request = request(40, 70, 5);
    try (Scheduler scheduler = scheduler(LOCAL, limits(512, 65536, 65536))) {
      assertThat(run(scheduler, List.of(degradable(request)))).isEqualTo(run(scheduler, List.of(request)));
      RecordingListener listener = new RecordingListener();
      scheduler.submit(degradable(request), listener);
      listener.await();
      assertThat(listener.degradations).isNotEmpty().allMatch(Degradation.NONE::equals);
    }
  }

  @Test
  void expertsThatFailForAnotherReasonThanWantOfAnOwnerFailWhoAllowsDegradedAnswersToo() {
    Experts failing = (layer, rows, routing) -> {
      throw new ExpertsUnavailableException(1, Set.of(0), "NON_FINITE");
    };
    try (Scheduler scheduler = scheduler(failing, limits(512, 65536, 65536))) {
      RecordingListener listener = new RecordingListener();
      scheduler.submit(degradable(request(10, 20, 0)), listener);
      assertThatThrownBy(listener::await).isInstanceOf(ExpertsUnavailableException.class).hasMessage("NON_FINITE");
    }
  }

  @Test
  void drainingEndsWhatRunsAndGivesUpWhatWaits() throws InterruptedException {
    Semaphore steps = new Semaphore(0);
    try (Scheduler scheduler = probed(steps, limits(512, 64, 65536))) {
      RecordingListener running = new RecordingListener();
      RecordingListener waiting = new RecordingListener();
      scheduler.submit(request(10, 54, 0), running);
      await().until(() -> scheduler.statistics().running() == 1);
      scheduler.submit(request(10, 54, 0), waiting);
      CompletableFuture<Void> drained = drain(scheduler, Duration.ofSeconds(60));
      await().until(scheduler::isDraining);
      assertThatThrownBy(() -> scheduler.submit(request(10, 54, 0), new RecordingListener()))
          .isInstanceOf(ShuttingDownException.class);
      steps.release(10_000);
      assertThat(running.await().tokens()).isNotEmpty();
      assertThatThrownBy(waiting::await).isInstanceOf(ShuttingDownException.class);
      drained.join();
    }
  }

  @Test
  void whatRunsLongerThanADrainMayLastIsGivenUp() {
    try (Scheduler scheduler = scheduler(paced(new Semaphore(0)), limits(512, 64, 65536))) {
      RecordingListener running = new RecordingListener();
      scheduler.submit(request(10, 54, 0), running);
      await().until(() -> scheduler.statistics().running() == 1);
      drain(scheduler, Duration.ofMillis(1)).join();
      assertThatThrownBy(running::await).isInstanceOf(ShuttingDownException.class); // in the middle of a step, too
    }
  }

  private static CompletableFuture<Void> drain(Scheduler scheduler, Duration bound) {
    return CompletableFuture.runAsync(() -> {
      try {
        scheduler.drain(bound);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    });
  }

  @Test
  void closingFailsWhatIsNotFinished() throws InterruptedException {
    Semaphore steps = new Semaphore(0);
    Scheduler scheduler = probed(steps, limits(512, 64, 65536));
    CountDownLatch failed = new CountDownLatch(2);
    DenoisingListener listener = new DenoisingListener() {
      @Override
      public void finished(DenoisingOutcome outcome) {}

      @Override
      public void failed(RuntimeException cause) {
        failed.countDown();
      }
    };
    scheduler.submit(request(10, 54, 0), listener);
    scheduler.submit(request(10, 54, 0), listener);
    await().until(() -> scheduler.statistics().running() == 1);
    scheduler.close();
    assertThat(failed.await(10, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void anIdleSchedulerProvesThatForwardPassesWork() {
    SchedulerLimits eager = new SchedulerLimits(512, 65536, 65536, Duration.ofMillis(50), Duration.ofSeconds(10));
    try (Scheduler scheduler = scheduler(LOCAL, eager)) {
      await().until(() -> scheduler.statistics().forwards() >= 3);
      assertThat(scheduler.statistics().lastForwardAge()).isPresent();
    }
  }
}
