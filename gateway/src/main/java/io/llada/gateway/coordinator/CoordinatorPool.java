package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/**
 * The coordinators this gateway knows. Each is asked for its status twice a second by a thread of its own; a request goes
 * to the reachable one with least to do. Thread-safe.
 */
public final class CoordinatorPool implements AutoCloseable {
  private static final Duration POLL_INTERVAL = Duration.ofMillis(500);

  private final List<PoolMember> members;
  private final Function<ServedModel, Optional<String>> misfit;
  private final LongSupplier nanoClock;
  private final Duration resumeTimeout;
  private final AttemptCounts counts = new AttemptCounts();
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile Consumer<Readiness> listener = readiness -> {};

  /**
   * @param clients at least one; closed with the pool
   * @param misfit why a served model does not go with this gateway's tokenizer; empty when it does
   * @param nanoClock a monotonic clock in nanoseconds
   * @param resumeTimeout how long an answer that had begun waits for a coordinator to go on
   */
  public CoordinatorPool(List<? extends CoordinatorClient> clients, Function<ServedModel, Optional<String>> misfit,
      LongSupplier nanoClock, Duration resumeTimeout) {
    if (clients.isEmpty()) {
      throw new IllegalArgumentException("a gateway needs at least 1 coordinator");
    }
    this.members = clients.stream().map(client -> new PoolMember(client, nanoClock)).toList();
    this.misfit = misfit;
    this.nanoClock = nanoClock;
    this.resumeTimeout = resumeTimeout;
  }

  /** Begins to watch the coordinators; returns once each was asked, or after the given time. */
  public void start(Duration patience) throws InterruptedException {
    for (PoolMember member : members) {
      Thread.ofVirtual().name("coordinator-poll-" + member.name()).start(() -> watch(member));
    }
    long deadline = nanoClock.getAsLong() + patience.toNanos();
    for (PoolMember member : members) {
      member.polledOnce().await(deadline - nanoClock.getAsLong(), TimeUnit.NANOSECONDS);
    }
  }

  /** Called with the readiness after each poll; must not block. */
  public void onPoll(Consumer<Readiness> newListener) {
    listener = newListener;
  }

  private void watch(PoolMember member) {
    try {
      do {
        member.poll(misfit);
        listener.accept(readiness());
      } while (!closed.await(POLL_INTERVAL.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** What was last seen of each coordinator, in the configured order. */
  public List<CoordinatorView> views() {
    return members.stream().map(PoolMember::view).toList();
  }

  public Readiness readiness() {
    return Readiness.of(views(), nanoClock.getAsLong());
  }

  /**
   * The served model: what the first reachable coordinator serves. Coordinators that serve another are not used.
   *
   * @throws GatewayException UNAVAILABLE when none is reachable, with the reasons
   */
  public ServedModel model() {
    return views().stream().flatMap(view -> view.reachable().stream()).findFirst()
        .map(CoordinatorView.Reachable::model).orElseThrow(this::noneReachable);
  }

  /**
   * Starts an answer on the coordinator with least to do. One that is full or gone is replaced by the next: an answer
   * is a pure function of its request and what is committed of it, so going on elsewhere is harmless.
   *
   * @throws GatewayException UNAVAILABLE when no coordinator is reachable
   */
  public DenoisingStream denoise(DenoisingRequest request) {
    return new ResumableStream(this, request, model().digest(), nanoClock);
  }

  /** Coordinators that serve this checkpoint and take requests, best first. */
  List<PoolMember> candidates(String digest) {
    record Candidate(PoolMember member, boolean isReady, int load) {}
    return members.stream().filter(member -> member.isCandidate(digest))
        .map(member -> new Candidate(member, member.isReady(), member.load()))
        .sorted(Comparator.comparing((Candidate candidate) -> !candidate.isReady()).thenComparing(Candidate::load))
        .map(Candidate::member).toList();
  }

  /** How long an answer that had begun waits for a coordinator to go on. */
  Duration resumeTimeout() {
    return resumeTimeout;
  }

  /** How often answers were given to coordinators. */
  public AttemptCounts counts() {
    return counts;
  }

  GatewayException noneReachable() {
    return new GatewayException(Reason.UNAVAILABLE, "no coordinator can be used now, try again: " + views().stream()
        .map(
            view -> view.name() + ": " + Readiness.reasonAgainst(view, nanoClock.getAsLong()).orElse("reachable again"))
        .collect(Collectors.joining("; ")));
  }

  @Override
  public void close() {
    closed.countDown();
    members.forEach(PoolMember::close);
  }
}
