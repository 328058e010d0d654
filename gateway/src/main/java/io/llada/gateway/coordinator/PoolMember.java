package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One coordinator and what is known of it. One thread polls it, everyone reads. */
final class PoolMember {
  private static final Logger LOG = LoggerFactory.getLogger(PoolMember.class);

  private final CoordinatorClient client;
  private final LongSupplier nanoClock;
  private final AtomicInteger startedSincePoll = new AtomicInteger();
  private final CountDownLatch polledOnce = new CountDownLatch(1);
  private volatile CoordinatorView view;
  private volatile long askedNanos;

  PoolMember(CoordinatorClient client, LongSupplier nanoClock) {
    this.client = client;
    this.nanoClock = nanoClock;
    this.view = new CoordinatorView(client.name(), new CoordinatorView.Unusable("not asked yet"));
  }

  /** Asks it how it is. */
  void poll(Function<ServedModel, Optional<String>> misfit) {
    CoordinatorView before = view;
    CoordinatorView.State state;
    long asked = nanoClock.getAsLong();
    try {
      CoordinatorStatus status = client.status();
      ServedModel model = client.describe();
      Optional<String> reason = misfit.apply(model);
      state = reason.isPresent()
          ? new CoordinatorView.Unusable(reason.get())
          : new CoordinatorView.Reachable(model, status, nanoClock.getAsLong());
    } catch (GatewayException e) {
      state = new CoordinatorView.Unusable(e.getMessage());
    } catch (RuntimeException e) {
      LOG.warn("asking coordinator {} failed", name(), e);
      state = new CoordinatorView.Unusable("asking it failed: " + e.getMessage());
    }
    startedSincePoll.set(0);
    askedNanos = asked;
    view = new CoordinatorView(name(), state);
    polledOnce.countDown();
    if (before.reachable().isPresent() != view.reachable().isPresent()) {
      LOG.info("coordinator {} is now {}", name(),
          state instanceof CoordinatorView.Unusable unusable ? "unusable: " + unusable.reason() : "reachable");
    }
  }

  /** Zero once it was polled. */
  CountDownLatch polledOnce() {
    return polledOnce;
  }

  String name() {
    return client.name();
  }

  CoordinatorView view() {
    return view;
  }

  DenoisingStream start(DenoisingRequest request) {
    startedSincePoll.incrementAndGet();
    return client.denoise(request);
  }

  /** Whether it serves this checkpoint and takes requests. */
  boolean isCandidate(String digest) {
    return view.reachable()
        .filter(seen -> seen.model().digest().equals(digest) && !seen.status().isDraining()).isPresent();
  }

  /** Whether a request sent now would be answered, as far as is known. */
  boolean isReady() {
    return Readiness.reasonAgainst(view, nanoClock.getAsLong()).isEmpty();
  }

  /** Sequences that a new one would compete with. */
  int load() {
    return view.reachable().map(seen -> seen.status().load()).orElse(0) + startedSincePoll.get();
  }

  /** Whether it has answered, when last asked, to a question put after that time. */
  boolean hasAnsweredSince(long nanos) {
    return view.reachable().isPresent() && askedNanos - nanos > 0;
  }

  /** Whether nothing at all has come from it for that long. */
  boolean isSilentFor(Duration silence) {
    return view.reachable().filter(seen -> nanoClock.getAsLong() - seen.seenAtNanos() < silence.toNanos()).isEmpty();
  }

  void close() {
    client.close();
  }
}
