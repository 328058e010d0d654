package io.llada.gateway.coordinator;

/** What happens while an answer is denoised. Arrays are not to be changed. */
public sealed interface DenoisingEvent {

  /**
   * A block whose positions are final.
   *
   * @param blockIndex counted from 0 for the first block with answer positions
   * @param tokenIds the answer's positions of the block, up to and including an end token
   * @param steps denoising steps of the answer so far
   * @param forwards forward passes the answer has used so far
   * @param degradation what they went without so far
   */
  record BlockCommitted(int blockIndex, int[] tokenIds, int steps, int forwards, Degradation degradation)
      implements
        DenoisingEvent {}

  /**
   * The current block after one step.
   *
   * @param step counted from 0 within the block
   * @param tokenIds all positions of the block, those of the prompt included
   * @param maskedPositions which of them are still masked
   * @param committedPositions which of them this step committed
   * @param confidences of the committed positions, in their order, 0 .. 1
   */
  record StepTaken(int blockIndex, int step, int[] tokenIds, int[] maskedPositions, int[] committedPositions,
      float[] confidences) implements DenoisingEvent {}

  /**
   * The last event of a good stream.
   *
   * @param isEndToken whether the model ended the answer; otherwise max_tokens did
   */
  record Finished(boolean isEndToken) implements DenoisingEvent {}
}
