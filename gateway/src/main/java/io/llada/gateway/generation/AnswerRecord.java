package io.llada.gateway.generation;

import io.llada.gateway.failure.GatewayException.Reason;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An answer's place among those admitted, and its line in the metrics. The pulling thread writes; any thread may close,
 * which frees the place once.
 */
final class AnswerRecord implements AutoCloseable {
  private final Semaphore places;
  private final GenerationMetrics metrics;
  private final long startedNanos = System.nanoTime();
  private final AtomicBoolean isClosed = new AtomicBoolean();
  private volatile String outcome = "cancelled";
  private boolean hasText;

  AnswerRecord(Semaphore places, GenerationMetrics metrics) {
    this.places = places;
    this.metrics = metrics;
  }

  void text() {
    if (!hasText) {
      hasText = true;
      metrics.firstText(System.nanoTime() - startedNanos);
    }
  }

  void degraded() {
    metrics.degraded();
  }

  void failed(Reason reason) {
    outcome = reason.name().toLowerCase(Locale.ROOT);
  }

  void finished(Usage usage) {
    outcome = "ok";
    metrics.used(usage);
  }

  @Override
  public void close() {
    if (isClosed.compareAndSet(false, true)) {
      places.release();
      metrics.ended(outcome, System.nanoTime() - startedNanos);
    }
  }
}
