package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Conversation;
import io.llada.gateway.chat.Tool;
import io.llada.gateway.generation.GenerationRequest;
import io.llada.gateway.generation.Prompt;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads {@code POST /v1/chat/completions}. */
final class ChatCompletionReader implements CompletionReader {
  static final int MAX_MESSAGES = 4096;
  static final int MAX_TOOLS = 128;

  private static final Set<String> KNOWN = SharedFields.known(Set.of("messages", "tools", "tool_choice",
      "max_completion_tokens", "step_events", "response_format", "top_logprobs", "modalities", "audio",
      "parallel_tool_calls",
      "reasoning_effort", "verbosity"));

  @Override
  public CompletionCall read(JsonNode body) {
    FieldReader fields = new FieldReader(body, "");
    fields.refuseOthers(KNOWN);
    SharedFields.refuseUnsupported(fields);
    refuseUnsupported(fields);

    List<ChatMessage> messages = ConversationJson.messages(fields);
    boolean isStreamed = fields.isSet("stream");
    boolean hasStepEvents = fields.isSet("step_events");
    fields.refuseUnless("step_events", isStreamed || !hasStepEvents, "only with \"stream\": true");
    GenerationRequest request = new GenerationRequest(fields.text("model").orElse(""),
        new Prompt.Chat(new Conversation(messages, tools(fields))), SharedFields.settings(fields), fields.texts("stop"),
        hasStepEvents, fields.isSet("allow_degraded"));
    return new CompletionCall(request, isStreamed, SharedFields.hasUsageChunk(fields));
  }

  private static void refuseUnsupported(FieldReader fields) {
    fields.refuseUnless("logprobs", !fields.isSet("logprobs"), "only false");
    fields.refuseUnless("top_logprobs", fields.integer("top_logprobs", 0, 20).orElse(0) == 0, "only 0");
    fields.refuseUnless("response_format",
        is(fields.find("response_format").map(format -> format.path("type")), "text"),
        "only {\"type\": \"text\"}");
    fields.refuseUnless("modalities", fields.texts("modalities").equals(List.of("text")), "only [\"text\"]");
    fields.refuseUnless("audio", false, "leave it out");
    fields.refuseUnless("parallel_tool_calls", fields.flag("parallel_tool_calls").orElse(true), "only true");
  }

  private static boolean is(Optional<JsonNode> node, String text) {
    return node.isPresent() && text.equals(node.get().textValue());
  }

  private static List<Tool> tools(FieldReader fields) {
    Optional<JsonNode> choice = fields.find("tool_choice");
    boolean isNone = is(choice, "none");
    fields.refuseUnless("tool_choice", isNone || is(choice, "auto"), "only \"auto\" and \"none\"");
    List<Tool> tools = ConversationJson.tools(fields);
    return isNone ? List.of() : tools;
  }
}
