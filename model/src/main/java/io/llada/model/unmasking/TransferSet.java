package io.llada.model.unmasking;

/// Positions chosen at one step and the tokens written there.
///
/// @param positions within the block, ascending
/// @param tokens one per position
/// @param blockComplete whether the block needs no further step
public record TransferSet(int[] positions, int[] tokens, boolean blockComplete) {
  /// The predicted tokens at some masked positions; the block is complete when they are all of them.
  static TransferSet of(Block block, int[] positions, Predictions predictions) {
    int[] tokens = new int[positions.length];
    for (int i = 0; i < positions.length; i++) {
      tokens[i] = predictions.tokens()[positions[i]];
    }
    return new TransferSet(positions, tokens, positions.length == block.maskedPositions().length);
  }
}
