package io.llada.gateway.chat;

import java.util.List;

/**
 * The format of LLaDA2: {@code <role>NAME</role>text<|role_end|>}, always opened by a system turn, tools declared and
 * called in the Hermes way.
 */
public final class Llada2ChatFormat implements ChatFormat {
  private static final String ROLE = "<role>";
  private static final String ROLE_NAMED = "</role>";
  private static final String ROLE_END = "<|role_end|>";

  private static final String TOOLS_BEFORE = """
      # Tools

      You may call one or more functions to assist with the user query.

      You are provided with function signatures within <tools></tools> XML tags:
      <tools>""";
  private static final String TOOLS_AFTER = """

      </tools>

      For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
      <tool_call>
      {"name": <function-name>, "arguments": <args-json-object>}
      </tool_call>
      """;

  @Override
  public List<Segment> render(Conversation conversation) {
    PromptBuilder prompt = new PromptBuilder();
    List<ChatMessage> messages = conversation.messages();
    openSystem(prompt, conversation);
    for (int i = 0; i < messages.size(); i++) {
      ChatMessage message = messages.get(i);
      switch (message.role()) {
        case USER -> turn(prompt, "HUMAN", message.content());
        case ASSISTANT -> turn(prompt, "ASSISTANT", message.content() + calls(message));
        case SYSTEM -> {
          if (i > 0) { // the first is part of the opening
            turn(prompt, "SYSTEM", message.content());
          }
        }
        case TOOL -> toolResult(prompt, messages, i);
      }
    }
    return open(prompt, "ASSISTANT").segments();
  }

  private static void openSystem(PromptBuilder prompt, Conversation conversation) {
    open(prompt, "SYSTEM");
    ChatMessage first = conversation.messages().getFirst();
    if (first.role() == Role.SYSTEM) {
      prompt.text(first.content()).text("\n");
    }
    if (!conversation.tools().isEmpty()) {
      prompt.text(TOOLS_BEFORE);
      conversation.tools().forEach(tool -> prompt.text("\n").text(tool.json()));
      prompt.text(TOOLS_AFTER);
    }
    prompt.text("detailed thinking off").control(ROLE_END);
  }

  private static PromptBuilder open(PromptBuilder prompt, String name) {
    return prompt.control(ROLE).text(name).control(ROLE_NAMED);
  }

  private static void turn(PromptBuilder prompt, String name, String text) {
    open(prompt, name).text(text).control(ROLE_END);
  }

  private static String calls(ChatMessage message) {
    StringBuilder text = new StringBuilder();
    for (ToolCall call : message.toolCalls()) {
      if (!message.content().isEmpty() || !text.isEmpty()) {
        text.append('\n');
      }
      text.append("<tool_call>\n{\"name\": \"").append(call.name()).append("\", \"arguments\": ")
          .append(call.argumentsJson()).append("}\n</tool_call>");
    }
    return text.toString();
  }

  // Results that follow one another share a turn.
  private static void toolResult(PromptBuilder prompt, List<ChatMessage> messages, int index) {
    if (index == 0 || messages.get(index - 1).role() != Role.TOOL) {
      open(prompt, "OBSERVATION");
    }
    prompt.text("\n<tool_response>\n").text(messages.get(index).content()).text("\n</tool_response>");
    if (index == messages.size() - 1 || messages.get(index + 1).role() != Role.TOOL) {
      prompt.control(ROLE_END);
    }
  }

  @Override
  public List<String> turnEndTokens() {
    return List.of(ROLE_END, "<|endoftext|>");
  }

  @Override
  public boolean hasTools() {
    return true;
  }
}
