package io.llada.gateway.coordinator;

import java.time.Duration;

/**
 * One answer to denoise.
 *
 * @param promptIds token ids of the prompt; owned by the request, not to be changed
 * @param hasStepEvents whether each denoising step is told about, not only committed blocks
 * @param timeout how long the whole answer may take
 */
public record DenoisingRequest(String requestId, int[] promptIds, DiffusionSettings settings,
    boolean hasStepEvents, Duration timeout) {

  /** The same request with less time. */
  DenoisingRequest within(Duration remaining) {
    return new DenoisingRequest(requestId, promptIds, settings, hasStepEvents, remaining);
  }
}
