package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Role;
import io.llada.gateway.chat.ToolCall;
import io.llada.gateway.failure.GatewayException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads one message of a chat. */
final class MessageReader {
  private static final int MAX_PARTS = 1024;
  private static final int MAX_CALLS = 128;
  // Clients send back what they got, so the fields of an answer are harmless in a question.
  private static final Set<String> KNOWN = Set.of("role", "content", "tool_calls", "tool_call_id", "name", "refusal",
      "annotations", "reasoning_content", "audio", "function_call");

  private MessageReader() {}

  static ChatMessage read(JsonNode node, String path) {
    FieldReader fields = new FieldReader(node, path);
    fields.refuseOthers(KNOWN);
    fields.refuseUnless("audio", false, "only text");
    fields.refuseUnless("function_call", false, "use tool_calls");
    String word = fields.text("role").orElseThrow(() -> fields.wrong("role", "a role"));
    try {
      Role role = Role.of(word);
      List<ToolCall> calls = calls(fields);
      return new ChatMessage(role, content(fields, role, !calls.isEmpty()), calls);
    } catch (IllegalArgumentException e) {
      throw GatewayException.invalid(fields.name("role"), fields.name("role") + ": " + e.getMessage());
    }
  }

  private static String content(FieldReader fields, Role role, boolean hasCalls) {
    Optional<JsonNode> content = fields.find("content");
    if (content.isEmpty()) {
      if (role == Role.ASSISTANT && hasCalls) {
        return "";
      }
      throw fields.wrong("content", "a string; only an assistant message with tool_calls may have none");
    }
    if (content.get().isTextual()) {
      return content.get().textValue();
    }
    if (!content.get().isArray()) {
      throw fields.wrong("content", "a string or an array of text parts");
    }
    StringBuilder text = new StringBuilder();
    List<JsonNode> parts = fields.items("content", MAX_PARTS);
    for (int i = 0; i < parts.size(); i++) {
      text.append(part(parts.get(i), fields.name("content") + "[" + i + "]"));
    }
    return text.toString();
  }

  private static String part(JsonNode node, String path) {
    FieldReader part = new FieldReader(node, path);
    if (!part.text("type").orElse("").equals("text")) {
      throw GatewayException.invalid(part.name("type"), "%s is %s, which is not supported: only \"text\""
          .formatted(part.name("type"), FieldReader.shown(node.path("type"))));
    }
    part.refuseOthers(Set.of("type", "text"));
    return part.text("text").orElseThrow(() -> part.wrong("text", "a string"));
  }

  private static List<ToolCall> calls(FieldReader fields) {
    List<ToolCall> calls = new ArrayList<>();
    List<JsonNode> items = fields.items("tool_calls", MAX_CALLS);
    for (int i = 0; i < items.size(); i++) {
      FieldReader call = new FieldReader(items.get(i), fields.name("tool_calls") + "[" + i + "]");
      call.refuseOthers(Set.of("id", "type", "function", "index"));
      FieldReader function = new FieldReader(
          call.find("function").orElseThrow(() -> call.wrong("function", "an object")), call.name("function"));
      calls.add(new ToolCall(function.text("name").orElseThrow(() -> function.wrong("name", "a string")),
          function.text("arguments").orElseThrow(() -> function.wrong("arguments", "a string of JSON"))));
    }
    return calls;
  }
}
