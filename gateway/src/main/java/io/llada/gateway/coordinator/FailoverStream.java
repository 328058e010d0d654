package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.LongSupplier;

/** The stream of the first coordinator that begins to answer; after the first event there is no way back. */
final class FailoverStream implements DenoisingStream {
  private static final Set<Reason> WORTH_ANOTHER = EnumSet.of(Reason.UNAVAILABLE, Reason.OVERLOADED);

  private final Iterator<Function<DenoisingRequest, DenoisingStream>> starters;
  private final DenoisingRequest request;
  private final LongSupplier nanoClock;
  private final long deadlineNanos;
  private DenoisingStream current; // guarded by this, because close may come from another thread
  private boolean isClosed; // guarded by this
  private boolean hasBegun;

  /** @param starters at least one, best first */
  FailoverStream(List<Function<DenoisingRequest, DenoisingStream>> starters, DenoisingRequest request,
      LongSupplier nanoClock) {
    this.starters = starters.iterator();
    this.request = request;
    this.nanoClock = nanoClock;
    this.deadlineNanos = nanoClock.getAsLong() + request.timeout().toNanos();
    this.current = this.starters.next().apply(request);
  }

  @Override
  public Optional<DenoisingEvent> next(Duration wait) {
    while (true) {
      try {
        Optional<DenoisingEvent> event = stream().next(wait);
        hasBegun |= event.isPresent();
        return event;
      } catch (GatewayException e) {
        if (hasBegun || !WORTH_ANOTHER.contains(e.reason()) || !startAnother()) {
          throw e;
        }
      }
    }
  }

  private synchronized DenoisingStream stream() {
    return current;
  }

  private synchronized boolean startAnother() {
    Duration remaining = Duration.ofNanos(deadlineNanos - nanoClock.getAsLong());
    if (isClosed || !starters.hasNext() || !remaining.isPositive()) {
      return false;
    }
    current.close();
    current = starters.next().apply(request.within(remaining));
    return true;
  }

  @Override
  public synchronized void close() {
    isClosed = true;
    current.close();
  }
}
