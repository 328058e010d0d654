package io.llada.coordinator.denoising;

import io.llada.model.unmasking.DiffusionSettings;

/// A prompt to be continued.
///
/// @param id name in logs and traces
/// @param promptIds absolute positions 0 .. n-1; tokens like any other, whatever their value
/// @param settings how it is denoised
/// @param committedIds answer tokens that are committed already, elsewhere or before: whole blocks from the first answer
/// position on; the answer goes on behind them as if it had never stopped
/// @param allowsDegraded whether experts that nobody holds may be left out, once they were waited for
public record DenoisingRequest(String id, int[] promptIds, DiffusionSettings settings, int[] committedIds,
    boolean allowsDegraded) {
  /// A request from its beginning, with all experts.
  public DenoisingRequest(String id, int[] promptIds, DiffusionSettings settings) {
    this(id, promptIds, settings, new int[0]);
  }

  /// A request with all experts.
  public DenoisingRequest(String id, int[] promptIds, DiffusionSettings settings, int[] committedIds) {
    this(id, promptIds, settings, committedIds, false);
  }
}
