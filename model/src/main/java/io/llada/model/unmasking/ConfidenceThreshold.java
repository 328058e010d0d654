package io.llada.model.unmasking;

/// LLaDA2.0: commits every masked position whose confidence is above the threshold; where these are fewer than the
/// schedule asks for, the most confident ones instead.
///
/// @param threshold 0..1, compared strictly
/// @param schedule the least number of positions per step
public record ConfidenceThreshold(float threshold, TransferSchedule schedule) implements UnmaskingPolicy {
  @Override
  public TransferSet select(Block block, Predictions predictions) {
    int[] masked = block.maskedPositions();
    int[] above = Ranking.above(masked, threshold, predictions.confidences());
    int scheduled = schedule.tokensAt(block.steps());
    int[] chosen = above.length >= scheduled && above.length > 0
        ? above
        : Ranking.best(masked, Math.max(1, scheduled), predictions.confidences());
    return TransferSet.of(block, chosen, predictions);
  }
}
