package io.llada.model.unmasking;

/// LLaDA's random remasking: commits as many positions as the schedule asks for, drawn at random.
///
/// @param schedule positions per step
/// @param seed seed of the draws, keyed by position and step
public record RandomRemasking(TransferSchedule schedule, long seed) implements UnmaskingPolicy {
  @Override
  public TransferSet select(Block block, Predictions predictions) {
    int[] masked = block.maskedPositions();
    float[] draws = new float[block.length()];
    for (int position : masked) {
      draws[position] = (float) CounterRandom.uniform(seed, CounterRandom.Purpose.POSITION, block.start() + position,
          block.steps());
    }
    int count = Math.max(1, schedule.tokensAt(block.steps()));
    return TransferSet.of(block, Ranking.best(masked, count, draws), predictions);
  }
}
