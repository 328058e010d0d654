package io.llada.gateway.chat;

/**
 * A function the model asked for.
 *
 * @param name name of the function, not empty
 * @param argumentsJson the arguments object as JSON text
 */
public record ToolCall(String name, String argumentsJson) {
  public ToolCall {
    if (name.isEmpty()) {
      throw new IllegalArgumentException("a tool call needs the name of a function");
    }
  }
}
