package io.llada.gateway.generation;

/** Why an answer is over. */
public enum FinishReason {
  /** An end token or a stop string. */
  STOP,
  /** max_tokens was reached. */
  LENGTH,
  /** The answer holds tool calls. */
  TOOL_CALLS
}
