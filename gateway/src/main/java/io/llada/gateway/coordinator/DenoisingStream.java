package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;
import java.time.Duration;
import java.util.Optional;

/**
 * The events of one answer, pulled. Who pulls slowly misses steps, never blocks. One thread pulls;
 * {@link #close} may come from any thread and wakes it.
 */
public interface DenoisingStream extends AutoCloseable {

  /**
   * The next event, or empty when none came in time.
   *
   * @throws GatewayException when the coordinator failed or refused, the deadline passed, or the stream was closed
   */
  Optional<DenoisingEvent> next(Duration wait);

  /** Cancels what is still running; frees the coordinator's slot. Harmless when repeated. */
  @Override
  void close();
}
