package io.llada.deploy.offline;

import io.llada.coordinator.denoising.DenoisingOutcome;

/// What became of one request.
///
/// @param id as in the request
/// @param outcome tokens and counts
/// @param text the answer, up to the first end token or stop string
/// @param finishReason "stop" or "length"
public record OfflineResult(String id, DenoisingOutcome outcome, String text, String finishReason) {}
