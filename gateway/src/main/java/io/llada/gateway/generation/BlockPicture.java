package io.llada.gateway.generation;

import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.coordinator.DenoisingEvent.StepTaken;
import java.util.Arrays;

/** A half-denoised block as text for people: masked positions are shown as U+2591. Immutable. */
public final class BlockPicture {
  private static final String MASKED = "\u2591";

  private final PromptEncoder encoder;
  private final int[] promptInFirstBlock;

  /** @param blockLength blocks are counted from position 0, so the first answer block may begin with prompt */
  BlockPicture(PromptEncoder encoder, int[] promptIds, int blockLength) {
    this.encoder = encoder;
    this.promptInFirstBlock = Arrays.copyOfRange(promptIds, promptIds.length / blockLength * blockLength,
        promptIds.length);
  }

  /** The answer's part of the block. */
  String draw(StepTaken step) {
    int[] ids = step.tokenIds();
    StringBuilder picture = new StringBuilder();
    int from = promptLength(step);
    for (int i = from; i <= ids.length; i++) {
      boolean isMasked = i < ids.length && isMasked(step, i);
      if (i == ids.length || isMasked) {
        picture.append(from < i ? encoder.decode(Arrays.copyOfRange(ids, from, i)) : "");
        picture.append(isMasked ? MASKED : "");
        from = i + 1;
      }
    }
    return picture.toString();
  }

  // Compared by content, because not every model family lays its blocks from position 0.
  private int promptLength(StepTaken step) {
    int length = Math.min(promptInFirstBlock.length, step.tokenIds().length);
    boolean beginsWithPrompt = step.blockIndex() == 0 && length == promptInFirstBlock.length
        && Arrays.equals(step.tokenIds(), 0, length, promptInFirstBlock, 0, length);
    return beginsWithPrompt ? length : 0;
  }

  private static boolean isMasked(StepTaken step, int position) {
    return Arrays.stream(step.maskedPositions()).anyMatch(masked -> masked == position);
  }
}
