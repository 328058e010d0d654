package io.llada.model.unmasking;

/// The rule that picks the transfer set: a pure function of the block and this step's predictions. The loop, the
/// bound on steps and the commit belong to the denoiser. A new decoding algorithm is a new implementation.
public interface UnmaskingPolicy {
  /// Chooses which positions are committed at this step (`block.steps()` counts from 0).
  ///
  /// While masks are left at least one is chosen, so a block ends after at most as many steps as it has masks, plus
  /// the policy's own bound on editing.
  TransferSet select(Block block, Predictions predictions);

  /// Whether committed tokens of the current block may still change. The policy then needs predictions for them too,
  /// and an end token means nothing before its block is complete.
  default boolean editsCommitted() {
    return false;
  }
}
