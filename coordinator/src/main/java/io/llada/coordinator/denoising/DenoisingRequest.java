package io.llada.coordinator.denoising;

import io.llada.model.unmasking.DiffusionSettings;

/// A prompt to be continued.
///
/// @param id name in logs and traces
/// @param promptIds absolute positions 0 .. n-1; tokens like any other, whatever their value
/// @param settings how it is denoised
public record DenoisingRequest(String id, int[] promptIds, DiffusionSettings settings) {}
