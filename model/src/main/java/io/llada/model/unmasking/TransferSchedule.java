package io.llada.model.unmasking;

/// How many positions each denoising step commits at least, spread evenly over the steps with the remainder first.
///
/// @param blockLength positions of a block
/// @param steps denoising steps per block
public record TransferSchedule(int blockLength, int steps) {
  public TransferSchedule {
    if (blockLength < 1 || steps < 1) {
      throw new IllegalArgumentException("block length %d and steps %d must be at least 1".formatted(blockLength,
          steps));
    }
  }

  /// Positions to commit at a step. The sum over all steps is the block length; later steps commit one, which is
  /// never needed, but bounds the loop.
  public int tokensAt(int step) {
    if (step >= steps) {
      return 1;
    }
    return blockLength / steps + (step < blockLength % steps ? 1 : 0);
  }
}
