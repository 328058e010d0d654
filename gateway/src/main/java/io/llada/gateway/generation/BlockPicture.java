package io.llada.gateway.generation;

import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.coordinator.DenoisingEvent.StepTaken;
import io.llada.gateway.tokenizer.StreamingDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

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

  /** The answer's part of the block, position by position. */
  GenerationEvent.Step draw(StepTaken step) {
    int[] ids = step.tokenIds();
    Set<Integer> masked = Arrays.stream(step.maskedPositions()).boxed().collect(Collectors.toSet());
    int from = promptLength(step);
    List<String> pieces = new ArrayList<>();
    StreamingDecoder run = encoder.streamingDecoder(); // of the tokens since the last masked position
    for (int i = from; i < ids.length; i++) {
      if (masked.contains(i)) {
        pieces.add(MASKED);
        continue;
      }
      boolean isEndOfRun = i + 1 == ids.length || masked.contains(i + 1);
      pieces.add(run.append(ids[i]) + (isEndOfRun ? run.flush() : ""));
      run = isEndOfRun ? encoder.streamingDecoder() : run;
    }
    return new GenerationEvent.Step(step, from, pieces);
  }

  // Compared by content, because not every model family lays its blocks from position 0.
  private int promptLength(StepTaken step) {
    int length = Math.min(promptInFirstBlock.length, step.tokenIds().length);
    boolean beginsWithPrompt = step.blockIndex() == 0 && length == promptInFirstBlock.length
        && Arrays.equals(step.tokenIds(), 0, length, promptInFirstBlock, 0, length);
    return beginsWithPrompt ? length : 0;
  }
}
