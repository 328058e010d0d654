package io.llada.gateway.chat;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.json.InvalidJsonException;
import io.llada.gateway.json.PythonJson;
import io.llada.gateway.json.StrictJson;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Finds {@code <tool_call>{"name": ..., "arguments": {...}}</tool_call>} in an answer that comes in pieces. Text that
 * may turn out to be a call is held back; text that looked like one but is malformed comes out as it was. White space
 * around calls belongs to them. Not thread-safe: one answer owns it.
 */
public final class ToolCallParser {
  private static final String OPEN = "<tool_call>";
  private static final String CLOSE = "</tool_call>";

  private final StringBuilder pending = new StringBuilder();
  private final List<ToolCall> calls = new ArrayList<>();
  private boolean isAfterCall;

  /** Takes a whole answer apart. */
  public static ParsedAnswer parse(String answer) {
    ToolCallParser parser = new ToolCallParser();
    String content = parser.append(answer) + parser.flush();
    return new ParsedAnswer(content, parser.calls());
  }

  /** The text that is now known to be outside calls. */
  public String append(String text) {
    pending.append(text);
    StringBuilder content = new StringBuilder();
    while (takeCall(content)) {
      // one more call, or something that only looked like one, has left the pending text
    }
    int open = pending.indexOf(OPEN);
    int safe = open >= 0 ? open : pending.length() - partialOpen();
    while (safe > 0 && Character.isWhitespace(pending.charAt(safe - 1))) {
      safe--;
    }
    return content.append(takeContent(safe)).toString();
  }

  /** What was held back and did not become a call. */
  public String flush() {
    return takeContent(isAfterCall && pending.toString().isBlank() ? 0 : pending.length());
  }

  /** The calls so far, in their order. */
  public List<ToolCall> calls() {
    return List.copyOf(calls);
  }

  private boolean takeCall(StringBuilder content) {
    int open = pending.indexOf(OPEN);
    int close = open < 0 ? -1 : pending.indexOf(CLOSE, open + OPEN.length());
    if (close < 0) {
      return false;
    }
    Optional<ToolCall> call = read(pending.substring(open + OPEN.length(), close));
    int end = close + CLOSE.length();
    if (call.isEmpty()) {
      content.append(takeContent(end));
      return true;
    }
    content.append(takeContent(open).stripTrailing());
    pending.delete(0, end - open); // what came before has left already
    calls.add(call.get());
    isAfterCall = true;
    return true;
  }

  private String takeContent(int length) {
    String text = pending.substring(0, length);
    pending.delete(0, length);
    String content = isAfterCall ? text.stripLeading() : text;
    isAfterCall &= content.isEmpty();
    return content;
  }

  // Length of the longest end of the pending text that may be the beginning of a call.
  private int partialOpen() {
    for (int length = Math.min(OPEN.length() - 1, pending.length()); length > 0; length--) {
      if (OPEN.startsWith(pending.substring(pending.length() - length))) {
        return length;
      }
    }
    return 0;
  }

  private static Optional<ToolCall> read(String json) {
    JsonNode call;
    try {
      call = StrictJson.parse(json.strip());
    } catch (InvalidJsonException e) {
      return Optional.empty(); // models write broken JSON at times: then it is text
    }
    JsonNode name = call.path("name");
    JsonNode arguments = call.path("arguments");
    boolean isCall = name.isTextual() && !name.textValue().isEmpty() && arguments.isObject();
    return isCall ? Optional.of(new ToolCall(name.textValue(), PythonJson.write(arguments))) : Optional.empty();
  }
}
