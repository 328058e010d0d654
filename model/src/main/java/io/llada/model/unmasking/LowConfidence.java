package io.llada.model.unmasking;

/// LLaDA's low-confidence remasking: commits as many positions as the schedule asks for, the most confident first.
///
/// @param schedule positions per step
public record LowConfidence(TransferSchedule schedule) implements UnmaskingPolicy {
  @Override
  public TransferSet select(Block block, Predictions predictions) {
    int count = Math.max(1, schedule.tokensAt(block.steps()));
    return TransferSet.of(block, Ranking.best(block.maskedPositions(), count, predictions.confidences()), predictions);
  }
}
