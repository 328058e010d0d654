package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One answer, on as many coordinators as it takes. When one is lost, another goes on behind the last committed block, or
 * the same one once it is back; the tokens are those of an undisturbed answer. Only the present attempt is ever pulled,
 * so nothing of an abandoned one can come out late.
 */
final class ResumableStream implements DenoisingStream {
  /** A coordinator that said nothing for this long, neither here nor when asked for its status, is given up. */
  static final Duration SILENCE = Duration.ofMillis(2500);
  /** Attempts that may be lost in a row without a new block: a request that kills coordinators must not kill them all. */
  private static final int MAX_LOSSES = 3;
  /** Coordinators in a row that may have waited for experts in vain. */
  private static final int MAX_WITHOUT_EXPERTS = 2;
  private static final Duration GLANCE = Duration.ofMillis(100);
  private static final Set<Reason> WORTH_ANOTHER = EnumSet.of(Reason.UNAVAILABLE, Reason.EXPERTS_UNAVAILABLE,
      Reason.OVERLOADED);
  private static final Logger LOG = LoggerFactory.getLogger(ResumableStream.class);

  private final CoordinatorPool pool;
  private final Journal journal;
  private final String digest;
  private final LongSupplier nanoClock;
  private final long deadlineNanos;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Map<PoolMember, Long> lostNanos = new HashMap<>(); // when each was last lost
  private Optional<Attempt> current = Optional.empty(); // guarded by this: close may come from another thread
  private Optional<Loss> loss = Optional.empty(); // of the attempt before, while there is no current one
  private boolean hasBegun;
  private int lossesSinceBlock;
  private int withoutExpertsSinceBlock;

  private static final class Attempt {
    private final PoolMember member;
    private final DenoisingStream stream;
    private long heardNanos;

    private Attempt(PoolMember member, DenoisingStream stream, long nowNanos) {
      this.member = member;
      this.stream = stream;
      this.heardNanos = nowNanos;
    }
  }

  private record Loss(PoolMember member, GatewayException cause, long nanos) {}

  /**
   * Starts on the coordinator with least to do.
   *
   * @param digest of the checkpoint that every attempt must be made with
   * @throws GatewayException UNAVAILABLE when no coordinator is reachable
   */
  ResumableStream(CoordinatorPool pool, DenoisingRequest request, String digest, LongSupplier nanoClock) {
    this.pool = pool;
    this.journal = new Journal(request);
    this.digest = digest;
    this.nanoClock = nanoClock;
    this.deadlineNanos = nanoClock.getAsLong() + request.timeout().toNanos();
    start(pool.candidates(digest).stream().findFirst().orElseThrow(pool::noneReachable));
  }

  @Override
  public Optional<DenoisingEvent> next(Duration wait) {
    long until = nanoClock.getAsLong() + wait.toNanos();
    while (true) {
      long remaining = Math.clamp(until - nanoClock.getAsLong(), 0, GLANCE.toNanos());
      Optional<Attempt> attempt = attempt();
      Optional<DenoisingEvent> event = Optional.empty();
      if (attempt.isPresent()) {
        event = pull(attempt.get(), Duration.ofNanos(remaining));
      } else if (!startAnother()) {
        awaitClose(remaining);
      }
      if (event.isPresent() || nanoClock.getAsLong() - until >= 0) {
        return event;
      }
    }
  }

  private synchronized Optional<Attempt> attempt() {
    return current;
  }

  private Optional<DenoisingEvent> pull(Attempt attempt, Duration wait) {
    try {
      Optional<DenoisingEvent> event = attempt.stream.next(wait);
      if (event.isPresent()) {
        attempt.heardNanos = nanoClock.getAsLong();
        hasBegun = true;
        if (event.get() instanceof DenoisingEvent.BlockCommitted) {
          lossesSinceBlock = 0;
          withoutExpertsSinceBlock = 0;
        }
        return Optional.of(journal.enter(event.get()));
      }
      if (isFrozen(attempt)) {
        throw new GatewayException(Reason.UNAVAILABLE,
            "coordinator %s was silent for %d ms".formatted(attempt.member.name(), SILENCE.toMillis()));
      }
    } catch (GatewayException e) {
      lose(attempt, e);
    }
    return Optional.empty();
  }

  // Being late is no reason to leave for nowhere.
  private boolean isFrozen(Attempt attempt) {
    return nanoClock.getAsLong() - attempt.heardNanos > SILENCE.toNanos() && attempt.member.isSilentFor(SILENCE)
        && pool.candidates(digest).stream()
            .anyMatch(other -> other != attempt.member && other.isReady() && !other.isSilentFor(SILENCE));
  }

  private synchronized void lose(Attempt attempt, GatewayException cause) {
    attempt.stream.close();
    current = Optional.empty();
    long now = nanoClock.getAsLong();
    loss = Optional.of(new Loss(attempt.member, cause, now));
    lostNanos.put(attempt.member, now);
    lossesSinceBlock += cause.reason() == Reason.UNAVAILABLE ? 1 : 0;
    withoutExpertsSinceBlock += cause.reason() == Reason.EXPERTS_UNAVAILABLE ? 1 : 0;
    boolean isEnough = lossesSinceBlock >= MAX_LOSSES || withoutExpertsSinceBlock >= MAX_WITHOUT_EXPERTS;
    if (isClosed() || !WORTH_ANOTHER.contains(cause.reason()) || isEnough) {
      throw cause;
    }
  }

  /** @return whether there is an attempt again */
  private boolean startAnother() {
    Loss last = loss.orElseThrow();
    long now = nanoClock.getAsLong();
    if (isClosed()) {
      throw new GatewayException(Reason.CANCELLED, "the answer is not wanted any more");
    }
    boolean isForExperts = last.cause().reason() == Reason.EXPERTS_UNAVAILABLE;
    Optional<PoolMember> next = pool.candidates(digest).stream().filter(this::isWorthAsking)
        .filter(member -> !isForExperts || member != last.member() && member.isReady()).findFirst();
    boolean isLate = now - last.nanos() >= pool.resumeTimeout().toNanos() || deadlineNanos - now <= 0;
    boolean mayWait = hasBegun && !isForExperts; // for experts the coordinator has waited already
    if (isLate || next.isEmpty() && !mayWait) {
      throw last.cause();
    }
    next.ifPresent(member -> {
      LOG.info("request {} goes on at block {} on coordinator {}, not {}, {} ms after it was lost (attempt {}): {}",
          journal.requestId(), journal.blocks(), member.name(), last.member().name(),
          Duration.ofNanos(now - last.nanos()).toMillis(), journal.attempts() + 1, last.cause().getMessage());
      start(member);
    });
    return next.isPresent();
  }

  /** One that was lost is asked again only when it has answered since, and only for an answer that had begun. */
  private boolean isWorthAsking(PoolMember member) {
    Long lost = lostNanos.get(member);
    return lost == null || hasBegun && member.isReady() && member.hasAnsweredSince(lost);
  }

  private synchronized void start(PoolMember member) {
    if (isClosed()) {
      return;
    }
    Duration remaining = Duration.ofNanos(Math.max(1, deadlineNanos - nanoClock.getAsLong()));
    DenoisingRequest request = journal.remaining(remaining);
    pool.counts().started(journal.attempts(), hasBegun);
    current = Optional.of(new Attempt(member, member.start(request), nanoClock.getAsLong()));
  }

  private boolean isClosed() {
    return closed.getCount() == 0;
  }

  private void awaitClose(long nanos) {
    try {
      closed.await(nanos, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new GatewayException(Reason.CANCELLED, "interrupted", e);
    }
  }

  @Override
  public synchronized void close() {
    closed.countDown();
    current.ifPresent(attempt -> attempt.stream.close());
  }
}
