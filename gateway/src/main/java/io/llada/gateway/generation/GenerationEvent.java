package io.llada.gateway.generation;

import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.coordinator.Degradation;
import io.llada.gateway.coordinator.DenoisingEvent.StepTaken;
import java.util.List;

/** What happens to an answer. Arrays are not to be changed. */
public sealed interface GenerationEvent {

  /**
   * Tokens that are final, and the text that became known with them.
   *
   * @param tokenIds without the end token and what follows it; may be empty
   * @param text may be empty; all texts together are the answer without its tool calls
   */
  record Text(int blockIndex, int[] tokenIds, String text) implements GenerationEvent {}

  /**
   * @param answerFrom first position of the block that belongs to the answer; those before hold prompt
   * @param pieces the text that each position from there on adds; U+2591 where it is masked
   */
  record Step(StepTaken step, int answerFrom, List<String> pieces) implements GenerationEvent {
    public Step {
      pieces = List.copyOf(pieces);
    }

    /** The answer's part of the block. */
    public String text() {
      return String.join("", pieces);
    }
  }

  /** @param index counted from 0 within the answer */
  record Call(int index, ToolCall call) implements GenerationEvent {}

  /** The last event. */
  record Finished(FinishReason reason, Usage usage, List<ToolCall> toolCalls, Degradation degradation)
      implements
        GenerationEvent {}
}
