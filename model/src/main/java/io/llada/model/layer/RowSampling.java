package io.llada.model.layer;

import io.llada.model.unmasking.Sampling;

/// How the token of one row is drawn.
///
/// @param sampling temperature, top-k, top-p and seed
/// @param position absolute position, part of the draw's key
/// @param step denoising step within the block, part of the draw's key
public record RowSampling(Sampling sampling, int position, int step) {}
