package io.llada.gateway.coordinator;

import java.time.Duration;

/**
 * One answer to denoise. Arrays are owned by the request, not to be changed.
 *
 * @param promptIds token ids of the prompt
 * @param committedIds answer tokens that are committed already, whole blocks; the answer goes on behind them
 * @param hasStepEvents whether each denoising step is told about, not only committed blocks
 * @param allowsDegraded whether experts that no node holds may be left out, once they were waited for
 * @param timeout how long the whole answer may take
 */
public record DenoisingRequest(String requestId, int[] promptIds, int[] committedIds, DiffusionSettings settings,
    boolean hasStepEvents, boolean allowsDegraded, Duration timeout) {

  /** The same request with what has been committed of it, and less time. */
  DenoisingRequest behind(int[] committed, Duration remaining) {
    return new DenoisingRequest(requestId, promptIds, committed, settings, hasStepEvents, allowsDegraded, remaining);
  }
}
