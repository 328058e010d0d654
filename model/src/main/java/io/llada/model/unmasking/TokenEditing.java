package io.llada.model.unmasking;

import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;

/// LLaDA2.1: commits masked positions above the threshold (at least one), and in every step replaces committed answer
/// tokens of the block by a different prediction that is confident enough.
///
/// The block is complete when a step without masks changes nothing, or after the bound on such steps.
///
/// @param threshold for masked positions, compared strictly
/// @param editing for committed ones
public record TokenEditing(float threshold, DiffusionSettings.Editing editing) implements UnmaskingPolicy {
  @Override
  public boolean editsCommitted() {
    return true;
  }

  @Override
  public TransferSet select(Block block, Predictions predictions) {
    int[] masked = block.maskedPositions();
    int[] unmasked = Ranking.above(masked, threshold, predictions.confidences());
    if (unmasked.length == 0) {
      unmasked = Ranking.best(masked, 1, predictions.confidences());
    }
    int[] edited = Arrays.stream(block.answerPositions())
        .filter(position -> !block.isMasked(position) && predictions.confidences()[position] > editing.threshold()
            && predictions.tokens()[position] != block.token(position))
        .toArray();
    boolean settled = masked.length == 0 && edited.length == 0;
    boolean noMaskLeft = unmasked.length == masked.length;
    int editingSteps = block.editingSteps() + (masked.length == 0 ? 1 : 0);
    int[] positions = union(unmasked, edited);
    int[] tokens = IntStream.of(positions).map(position -> predictions.tokens()[position]).toArray();
    return new TransferSet(positions, tokens, settled || noMaskLeft && editingSteps >= editing.maxSteps());
  }

  private static int[] union(int[] a, int[] b) {
    BitSet union = new BitSet();
    IntStream.concat(IntStream.of(a), IntStream.of(b)).forEach(union::set);
    return union.stream().toArray();
  }
}
