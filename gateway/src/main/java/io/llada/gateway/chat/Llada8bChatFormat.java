package io.llada.gateway.chat;

import java.util.List;

/**
 * The format of LLaDA-8B and LLaDA-1.5: a header with the role, a blank line, the trimmed text. It has no tools.
 */
public final class Llada8bChatFormat implements ChatFormat {
  private static final String START = "<|startoftext|>";
  private static final String HEADER = "<|start_header_id|>";
  private static final String HEADER_END = "<|end_header_id|>";
  private static final String TURN_END = "<|eot_id|>";

  @Override
  public List<Segment> render(Conversation conversation) {
    if (!conversation.tools().isEmpty()) {
      throw new IllegalArgumentException("the model's chat format has no tools");
    }
    PromptBuilder prompt = new PromptBuilder().control(START);
    for (ChatMessage message : conversation.messages()) {
      if (message.role() == Role.TOOL || !message.toolCalls().isEmpty()) {
        throw new IllegalArgumentException("the model's chat format has no tool messages");
      }
      open(prompt, message.role().word()).text(trim(message.content())).control(TURN_END);
    }
    return open(prompt, Role.ASSISTANT.word()).segments();
  }

  private static PromptBuilder open(PromptBuilder prompt, String role) {
    return prompt.control(HEADER).text(role).control(HEADER_END).text("\n\n");
  }

  // Python's idea of white space, which the template's trim filter uses, is wider than String.strip's.
  private static String trim(String text) {
    int from = 0;
    int to = text.length();
    while (from < to && isWhiteSpace(text.charAt(from))) {
      from++;
    }
    while (to > from && isWhiteSpace(text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  private static boolean isWhiteSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }

  @Override
  public List<String> turnEndTokens() {
    return List.of(TURN_END, "<|endoftext|>");
  }

  @Override
  public boolean hasTools() {
    return false;
  }
}
