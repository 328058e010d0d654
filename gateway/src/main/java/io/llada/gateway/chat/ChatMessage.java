package io.llada.gateway.chat;

import java.util.List;

/**
 * One turn.
 *
 * @param content the text; empty for an assistant that only called tools
 * @param toolCalls calls of an assistant message, else empty
 */
public record ChatMessage(Role role, String content, List<ToolCall> toolCalls) {
  public ChatMessage {
    toolCalls = List.copyOf(toolCalls);
    if (!toolCalls.isEmpty() && role != Role.ASSISTANT) {
      throw new IllegalArgumentException("a " + role.word() + " message cannot hold tool calls");
    }
  }

  public ChatMessage(Role role, String content) {
    this(role, content, List.of());
  }
}
