package io.llada.coordinator.denoising;

import io.llada.cluster.ClosableThread;
import io.llada.model.config.ModelConfig;
import io.llada.model.experts.ExpertsUnavailableException;
import io.llada.model.experts.MissingExperts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Runs many requests at once; its unit is one denoising step over all of them.
///
/// Each round forms a batch from the running sequences, runs one forward pass and commits. A finished sequence leaves
/// and a waiting one enters between two rounds. One thread owns all sequences; other threads submit and cancel.
public final class Scheduler implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Scheduler.class);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);
  private static final long PROBE_PAUSE_MILLIS = 20;
  private static final long DRAIN_POLL_MILLIS = 10;

  private final Denoiser denoiser;
  private final SchedulerLimits limits;
  private final LinkedBlockingQueue<Ticket> arrivals = new LinkedBlockingQueue<>();
  private final List<Ticket> waiting = new ArrayList<>();
  private final List<Ticket> running = new ArrayList<>();
  private final AtomicLong queuedTokens = new AtomicLong();
  private final SchedulerStatistics statistics = new SchedulerStatistics();
  private final ClosableThread thread;
  private volatile boolean draining;
  private long runningTokens;
  private MissingExperts missing = MissingExperts.NONE; // waited for in vain; the latest
  private RuntimeException missed = new IllegalStateException("nothing is missing"); // what that wait ended with

  public Scheduler(Denoiser denoiser, SchedulerLimits limits) {
    this.denoiser = denoiser;
    this.limits = limits;
    this.thread = new ClosableThread("denoising-scheduler", this::run, CLOSE_TIMEOUT);
    thread.start();
  }

  /// A submitted request.
  public static final class Ticket {
    private final DenoisingSequence sequence;
    private final long tokens;
    private Optional<Long> waitsSince = Optional.empty(); // for missing experts, monotonic nanoseconds
    private volatile boolean cancelled;

    private Ticket(DenoisingSequence sequence, long tokens) {
      this.sequence = sequence;
      this.tokens = tokens;
    }

    /// Gives up the request: its slot is free before the next step, and its listener hears nothing more.
    public void cancel() {
      cancelled = true;
    }
  }

  /// Queues a request. The listener is called on the scheduler's thread.
  ///
  /// @throws IllegalArgumentException when the request is wrong; names value and limit
  /// @throws AdmissionException when the queue is full
  /// @throws ShuttingDownException when the scheduler drains or is closed
  public Ticket submit(DenoisingRequest request, DenoisingListener listener) {
    if (draining || thread.isClosed()) {
      throw new ShuttingDownException();
    }
    ModelConfig config = denoiser.config();
    int tokens = RequestValidation.requireFits(config, limits, request);
    Ticket ticket = new Ticket(new DenoisingSequence(config, denoiser::newCache, request, listener), tokens);
    long queued = queuedTokens.addAndGet(tokens);
    if (queued > limits.queuedTokens()) {
      queuedTokens.addAndGet(-tokens);
      throw new AdmissionException(
          "the queue holds %d tokens, with this request's %d it would pass its limit of %d; try again later"
              .formatted(queued - tokens, tokens, limits.queuedTokens()));
    }
    statistics.queued(1);
    arrivals.add(ticket);
    return ticket;
  }

  public SchedulerStatistics statistics() {
    return statistics;
  }

  private void run() {
    while (!thread.isClosed()) {
      try {
        admit();
        if (running.isEmpty()) {
          idle();
        } else {
          round();
        }
      } catch (InterruptedException e) {
        break;
      }
    }
    failEverything(new ShuttingDownException());
  }

  /// Moves arrivals into the queue and, in order of arrival, as many into service as the caches have room for.
  private void admit() {
    arrivals.drainTo(waiting);
    Iterator<Ticket> iterator = waiting.iterator();
    while (iterator.hasNext()) {
      Ticket ticket = iterator.next();
      if (draining) {
        giveUp(ticket);
      }
      boolean fits = running.isEmpty() || runningTokens + ticket.tokens <= limits.runningTokens();
      if (!ticket.cancelled && !fits) {
        return;
      }
      iterator.remove();
      queuedTokens.addAndGet(-ticket.tokens);
      statistics.queued(-1);
      if (!ticket.cancelled) {
        running.add(ticket);
        runningTokens += ticket.tokens;
        statistics.running(1);
      }
    }
  }

  /// Who has not begun loses nothing by beginning elsewhere.
  private static void giveUp(Ticket ticket) {
    if (!ticket.cancelled) {
      ticket.cancelled = true;
      ticket.sequence.listener().failed(new ShuttingDownException());
    }
  }

  /// Waits for work; proves now and then that a forward pass works.
  private void idle() throws InterruptedException {
    missing = denoiser.stillMissing(missing);
    boolean canProbe = missing.shards().isEmpty(); // or whoever comes would wait for the probe, which waits for experts
    if (hasArrival(statistics.hasForward() && canProbe ? limits.idleProbe().toMillis() : PROBE_PAUSE_MILLIS)
        || !canProbe) {
      return;
    }
    try {
      denoiser.probe();
      statistics.forwardDone();
    } catch (RuntimeException e) {
      remember(e);
      LOG.debug("the idle probe failed: {}", e.getMessage());
      Thread.sleep(PROBE_PAUSE_MILLIS);
    }
  }

  private boolean hasArrival(long millis) throws InterruptedException {
    Optional<Ticket> ticket = Optional.ofNullable(arrivals.poll(millis, TimeUnit.MILLISECONDS));
    ticket.ifPresent(waiting::add);
    return ticket.isPresent();
  }

  private void round() throws InterruptedException {
    dropCancelled();
    missing = denoiser.stillMissing(missing);
    setAsideWhoMustWait();
    DenoisingRound round = DenoisingRound.plan(running.stream().filter(ticket -> ticket.waitsSince.isEmpty())
        .map(ticket -> ticket.sequence).toList(), limits.rowsPerForward());
    if (round.isEmpty()) {
      hasArrival(PROBE_PAUSE_MILLIS);
      return;
    }
    try {
      denoiser.step(round, missing);
      statistics.forwardDone();
    } catch (RuntimeException e) {
      // Missing experts are the cluster's business and say all there is to say; anything else is a defect.
      LOG.warn("a denoising round with {} sequences failed: {}", round.denoising().size(), e.getMessage(),
          e instanceof ExpertsUnavailableException ? null : e);
      remember(e);
      fail(round, thread.isClosed() ? new ShuttingDownException() : e); // closing interrupts whoever waits for experts
    } finally {
      retireFinished();
      rotate(round);
    }
  }

  /// While experts are missing, who cannot do without waits apart: those who can must not wait as well.
  private void setAsideWhoMustWait() {
    long now = System.nanoTime();
    for (Ticket ticket : List.copyOf(running)) {
      boolean waits = !missing.shards().isEmpty() && !ticket.sequence.request().allowsDegraded();
      ticket.waitsSince = waits ? Optional.of(ticket.waitsSince.orElse(now)) : Optional.empty();
      if (waits && now - ticket.waitsSince.get() > limits.expertPatience().toNanos()) {
        retire(ticket);
        if (!ticket.cancelled) {
          ticket.sequence.listener().failed(missed);
        }
      }
    }
  }

  /// What was waited for in vain is waited for once under a placement, by those who can do without.
  private void remember(RuntimeException cause) {
    if (isForWantOfOwners(cause)) {
      missing = ((ExpertsUnavailableException) cause).missing();
      missed = cause;
      LOG.debug("who allows it goes on without {} expert shards that nobody holds at placement epoch {}",
          missing.shards().size(), missing.epoch());
    }
  }

  private static boolean isForWantOfOwners(RuntimeException cause) {
    return cause instanceof ExpertsUnavailableException unavailable && !unavailable.missing().shards().isEmpty();
  }

  private void dropCancelled() {
    for (Ticket ticket : List.copyOf(running)) {
      if (ticket.cancelled) {
        retire(ticket);
      }
    }
  }

  private void retireFinished() {
    for (Ticket ticket : List.copyOf(running)) {
      ticket.sequence.outcome().ifPresent(outcome -> {
        retire(ticket);
        statistics.committed(outcome.tokens().length - ticket.sequence.request().committedIds().length);
        if (!ticket.cancelled) {
          ticket.sequence.listener().finished(outcome);
        }
      });
    }
  }

  private void retire(Ticket ticket) {
    running.remove(ticket);
    runningTokens -= ticket.tokens;
    statistics.running(-1);
  }

  /// Who took part goes behind who did not.
  private void rotate(DenoisingRound round) {
    List<Ticket> served = running.stream().filter(ticket -> round.denoising().contains(ticket.sequence)).toList();
    running.removeAll(served);
    running.addAll(served);
  }

  /// Who can do without what is missing stays, and takes part in the next round.
  private void fail(DenoisingRound round, RuntimeException cause) {
    for (Ticket ticket : List.copyOf(running)) {
      boolean tookPart = round.denoising().contains(ticket.sequence)
          || round.prefilling().stream().anyMatch(prefill -> prefill
              .sequence() == ticket.sequence);
      boolean goesOn = isForWantOfOwners(cause) && ticket.sequence.request().allowsDegraded();
      if (tookPart && !goesOn && ticket.sequence.outcome().isEmpty()) {
        retire(ticket);
        if (!ticket.cancelled) {
          ticket.sequence.listener().failed(cause);
        }
      }
    }
  }

  private void failEverything(RuntimeException cause) {
    arrivals.drainTo(waiting);
    List<Ticket> all = new ArrayList<>(running);
    all.addAll(waiting);
    all.stream().filter(ticket -> !ticket.cancelled).forEach(ticket -> ticket.sequence.listener().failed(cause));
  }

  /// Takes no more requests, gives up those that wait, lets those that run end, and closes: when all have ended, or
  /// after the bound.
  public void drain(Duration bound) throws InterruptedException {
    draining = true;
    long deadline = System.nanoTime() + bound.toNanos();
    while (statistics.running() + statistics.queued() > 0 && System.nanoTime() < deadline) {
      Thread.sleep(DRAIN_POLL_MILLIS);
    }
    LOG.info("drained: {} requests are given up", statistics.running() + statistics.queued());
    close();
  }

  /// Whether [#drain] has begun.
  public boolean isDraining() {
    return draining;
  }

  /// Stops after the present step; requests that are not finished fail.
  @Override
  public void close() {
    thread.close();
  }
}
