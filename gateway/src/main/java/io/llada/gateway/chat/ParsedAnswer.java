package io.llada.gateway.chat;

import java.util.List;

/** An answer taken apart: the text outside tool calls, and the calls. */
public record ParsedAnswer(String content, List<ToolCall> toolCalls) {
  public ParsedAnswer {
    toolCalls = List.copyOf(toolCalls);
  }
}
