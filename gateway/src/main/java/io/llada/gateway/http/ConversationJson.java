package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Conversation;
import io.llada.gateway.chat.Tool;
import io.llada.gateway.failure.GatewayException;
import java.util.ArrayList;
import java.util.List;

/** Reads a conversation in OpenAI's form, as the HTTP API does, for batch files. */
public final class ConversationJson {
  private ConversationJson() {}

  /**
   * @param messages an array of messages
   * @param tools an array of tools; missing or null: none
   * @throws IllegalArgumentException naming the field and what it holds
   */
  public static Conversation read(JsonNode messages, JsonNode tools) {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    body.set("messages", messages);
    if (!tools.isMissingNode()) {
      body.set("tools", tools);
    }
    try {
      FieldReader fields = new FieldReader(body, "");
      return new Conversation(messages(fields), tools(fields));
    } catch (GatewayException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  static List<ChatMessage> messages(FieldReader fields) {
    List<ChatMessage> messages = new ArrayList<>();
    List<JsonNode> items = fields.items("messages", ChatCompletionReader.MAX_MESSAGES);
    for (int i = 0; i < items.size(); i++) {
      messages.add(MessageReader.read(items.get(i), "messages[" + i + "]"));
    }
    if (messages.isEmpty()) {
      throw GatewayException.invalid("messages", "messages has 0 items: at least 1");
    }
    return messages;
  }

  static List<Tool> tools(FieldReader fields) {
    List<Tool> tools = new ArrayList<>();
    List<JsonNode> items = fields.items("tools", ChatCompletionReader.MAX_TOOLS);
    for (int i = 0; i < items.size(); i++) {
      try {
        tools.add(Tool.of(items.get(i)));
      } catch (IllegalArgumentException e) {
        throw GatewayException.invalid("tools[" + i + "]", e.getMessage());
      }
    }
    return tools;
  }
}
