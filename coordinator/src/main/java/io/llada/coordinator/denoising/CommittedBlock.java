package io.llada.coordinator.denoising;

/// A block that became final.
///
/// @param index counted from the first block with answer positions
/// @param tokens its answer tokens, up to and including the first end token, within `maxTokens`
/// @param steps denoising steps of the request so far, this block's included
/// @param forwards forward passes the request has used so far
/// @param degradation what they went without so far
public record CommittedBlock(int index, int[] tokens, int steps, int forwards, Degradation degradation) {}
