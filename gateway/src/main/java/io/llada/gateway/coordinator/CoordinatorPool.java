package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The coordinators this gateway knows. Each is asked for its status every second by a thread of its own; a request goes
 * to the reachable one with least to do. Thread-safe.
 */
public final class CoordinatorPool implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CoordinatorPool.class);
  private static final Duration POLL_INTERVAL = Duration.ofSeconds(1);

  private final List<Member> members;
  private final Function<ServedModel, Optional<String>> misfit;
  private final LongSupplier nanoClock;
  private final CountDownLatch closed = new CountDownLatch(1);
  private volatile Consumer<Readiness> listener = readiness -> {};

  /** One coordinator and what is known of it. The poll thread writes the view, everyone reads it. */
  private static final class Member {
    private final CoordinatorClient client;
    private final AtomicInteger startedSincePoll = new AtomicInteger();
    private final CountDownLatch polledOnce = new CountDownLatch(1);
    private volatile CoordinatorView view;

    private Member(CoordinatorClient client) {
      this.client = client;
      this.view = new CoordinatorView(client.name(), new CoordinatorView.Unusable("not asked yet"));
    }
  }

  /**
   * @param clients at least one; closed with the pool
   * @param misfit why a served model does not go with this gateway's tokenizer; empty when it does
   * @param nanoClock a monotonic clock in nanoseconds
   */
  public CoordinatorPool(List<? extends CoordinatorClient> clients, Function<ServedModel, Optional<String>> misfit,
      LongSupplier nanoClock) {
    if (clients.isEmpty()) {
      throw new IllegalArgumentException("a gateway needs at least 1 coordinator");
    }
    this.members = clients.stream().map(client -> new Member(client)).toList();
    this.misfit = misfit;
    this.nanoClock = nanoClock;
  }

  /** Begins to watch the coordinators; returns once each was asked, or after the given time. */
  public void start(Duration patience) throws InterruptedException {
    for (Member member : members) {
      Thread.ofVirtual().name("coordinator-poll-" + member.client.name()).start(() -> watch(member));
    }
    long deadline = nanoClock.getAsLong() + patience.toNanos();
    for (Member member : members) {
      member.polledOnce.await(deadline - nanoClock.getAsLong(), TimeUnit.NANOSECONDS);
    }
  }

  /** Called with the readiness after each poll; must not block. */
  public void onPoll(Consumer<Readiness> newListener) {
    listener = newListener;
  }

  private void watch(Member member) {
    try {
      do {
        poll(member);
        member.polledOnce.countDown();
        listener.accept(readiness());
      } while (!closed.await(POLL_INTERVAL.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void poll(Member member) {
    CoordinatorView before = member.view;
    CoordinatorView.State state;
    try {
      CoordinatorStatus status = member.client.status();
      ServedModel model = member.client.describe();
      Optional<String> reason = misfit.apply(model);
      state = reason.isPresent()
          ? new CoordinatorView.Unusable(reason.get())
          : new CoordinatorView.Reachable(model, status, nanoClock.getAsLong());
    } catch (GatewayException e) {
      state = new CoordinatorView.Unusable(e.getMessage());
    } catch (RuntimeException e) {
      LOG.warn("asking coordinator {} failed", member.client.name(), e);
      state = new CoordinatorView.Unusable("asking it failed: " + e.getMessage());
    }
    member.startedSincePoll.set(0);
    member.view = new CoordinatorView(member.client.name(), state);
    if (before.reachable().isPresent() != member.view.reachable().isPresent() && closed.getCount() > 0) {
      LOG.info("coordinator {} is now {}", member.client.name(),
          state instanceof CoordinatorView.Unusable unusable ? "unusable: " + unusable.reason() : "reachable");
    }
  }

  /** What was last seen of each coordinator, in the configured order. */
  public List<CoordinatorView> views() {
    return members.stream().map(member -> member.view).toList();
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
   * Starts an answer on the coordinator with least to do. While nothing has come yet, a coordinator that is full or
   * gone is replaced by the next: an answer is a pure function of its request, so asking again is harmless.
   *
   * @throws GatewayException UNAVAILABLE when no coordinator is reachable
   */
  public DenoisingStream denoise(DenoisingRequest request) {
    List<Member> candidates = candidates(model().digest());
    if (candidates.isEmpty()) {
      throw noneReachable();
    }
    return new FailoverStream(candidates.stream()
        .<Function<DenoisingRequest, DenoisingStream>>map(member -> asked -> start(member, asked)).toList(), request,
        nanoClock);
  }

  private static DenoisingStream start(Member member, DenoisingRequest request) {
    member.startedSincePoll.incrementAndGet();
    return member.client.denoise(request);
  }

  private List<Member> candidates(String digest) {
    record Candidate(Member member, boolean isUnready, int load) {}
    long now = nanoClock.getAsLong();
    List<Candidate> candidates = new ArrayList<>();
    for (Member member : members) {
      CoordinatorView view = member.view;
      view.reachable().filter(reachable -> reachable.model().digest().equals(digest))
          .ifPresent(reachable -> candidates.add(new Candidate(member, Readiness.reasonAgainst(view, now).isPresent(),
              reachable.status().load() + member.startedSincePoll.get())));
    }
    candidates.sort(Comparator.comparing(Candidate::isUnready).thenComparing(Candidate::load));
    return candidates.stream().map(Candidate::member).toList();
  }

  private GatewayException noneReachable() {
    return new GatewayException(Reason.UNAVAILABLE, "no coordinator can be used now, try again: " + views().stream()
        .map(
            view -> view.name() + ": " + Readiness.reasonAgainst(view, nanoClock.getAsLong()).orElse("reachable again"))
        .collect(Collectors.joining("; ")));
  }

  @Override
  public void close() {
    closed.countDown();
    members.forEach(member -> member.client.close());
  }
}
