package io.llada.model.unmasking;

/// What the model says about a block's positions at one step.
///
/// @param tokens predicted token per position of the block; meaningless where not predicted
/// @param confidences its probability, 0..1; 0 where not predicted
public record Predictions(int[] tokens, float[] confidences) {
  public Predictions {
    if (tokens.length != confidences.length) {
      throw new IllegalArgumentException("%d tokens, %d confidences".formatted(tokens.length, confidences.length));
    }
  }
}
