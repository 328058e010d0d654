package io.llada.model.layer;

/// Predicted token and its probability for some rows.
///
/// @param tokens one per row; never the mask token
/// @param confidences 0..1, one per row
public record RowPredictions(int[] tokens, float[] confidences) {}
