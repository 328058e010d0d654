package io.llada.gateway.chat;

import java.util.List;

/** What has been said so far, and which functions the model may call. At least one message. */
public record Conversation(List<ChatMessage> messages, List<Tool> tools) {
  public Conversation {
    messages = List.copyOf(messages);
    tools = List.copyOf(tools);
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("a conversation has 0 messages: at least 1");
    }
  }

  public Conversation(List<ChatMessage> messages) {
    this(messages, List.of());
  }
}
