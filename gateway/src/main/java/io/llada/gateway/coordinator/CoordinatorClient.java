package io.llada.gateway.coordinator;

import io.llada.gateway.failure.GatewayException;

/** One coordinator. Thread-safe; calls block, so make them on virtual threads. */
public interface CoordinatorClient extends AutoCloseable {

  /** Its address, for logs and metrics. */
  String name();

  /** Starts an answer. Failures show when events are pulled. */
  DenoisingStream denoise(DenoisingRequest request);

  /** @throws GatewayException UNAVAILABLE when it cannot be reached in time */
  ServedModel describe();

  /** @throws GatewayException UNAVAILABLE when it cannot be reached in time */
  CoordinatorStatus status();

  @Override
  void close();
}
