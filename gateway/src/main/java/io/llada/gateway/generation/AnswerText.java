package io.llada.gateway.generation;

import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.chat.ToolCallParser;
import io.llada.gateway.tokenizer.StreamingDecoder;
import java.util.List;
import java.util.Set;

/**
 * Answer tokens to text: decoded, cut at a stop string, tool calls taken out, in this order. Not thread-safe: one answer
 * owns it.
 */
final class AnswerText {
  private final StreamingDecoder decoder;
  private final StopStrings stops;
  private final Set<Integer> endTokens;
  private final boolean hasTools;
  private final ToolCallParser calls = new ToolCallParser();
  private final StringBuilder ready = new StringBuilder();

  /** @param hasTools whether text may be a tool call */
  AnswerText(StreamingDecoder decoder, List<String> stop, Set<Integer> endTokens, boolean hasTools) {
    this.decoder = decoder;
    this.stops = new StopStrings(stop);
    this.endTokens = endTokens;
    this.hasTools = hasTools;
  }

  boolean isEndToken(int id) {
    return endTokens.contains(id);
  }

  /** Adds a token that is no end token; true when it completes a stop string. */
  boolean append(int id) {
    pass(stops.append(decoder.append(id)));
    return stops.isReached();
  }

  /** Gives out what was held back: nothing can follow. */
  void finish() {
    pass(stops.append(decoder.flush()));
    pass(stops.flush());
    if (hasTools) {
      ready.append(calls.flush());
    }
  }

  /** The text known since the last call. */
  String take() {
    String text = ready.toString();
    ready.setLength(0);
    return text;
  }

  List<ToolCall> toolCalls() {
    return calls.calls();
  }

  private void pass(String text) {
    ready.append(hasTools ? calls.append(text) : text);
  }
}
