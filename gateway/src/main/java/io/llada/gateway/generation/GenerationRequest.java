package io.llada.gateway.generation;

import io.llada.gateway.coordinator.DiffusionSettings;
import io.llada.gateway.failure.GatewayException;
import java.util.List;

/**
 * One answer asked for.
 *
 * @param model id of the model; empty: the served one
 * @param stop the answer ends before the first of these: at most 16, each 1 .. 256 characters
 * @param hasStepEvents whether to tell about each denoising step
 * @param allowsDegraded whether experts that no node holds may be left out, once they were waited for
 */
public record GenerationRequest(String model, Prompt prompt, DiffusionSettings settings, List<String> stop,
    boolean hasStepEvents, boolean allowsDegraded) {
  public static final int MAX_STOP_STRINGS = 16;
  public static final int MAX_STOP_LENGTH = 256;

  /** @throws GatewayException when there are too many stop strings or one has a wrong length */
  public GenerationRequest {
    stop = List.copyOf(stop);
    if (stop.size() > MAX_STOP_STRINGS) {
      throw GatewayException.invalid("stop",
          "stop has %d strings: at most %d".formatted(stop.size(), MAX_STOP_STRINGS));
    }
    for (String string : stop) {
      int length = string.codePointCount(0, string.length());
      if (length < 1 || length > MAX_STOP_LENGTH) {
        throw GatewayException.invalid("stop",
            "a stop string has %d characters: must be 1 .. %d".formatted(length, MAX_STOP_LENGTH));
      }
    }
  }
}
