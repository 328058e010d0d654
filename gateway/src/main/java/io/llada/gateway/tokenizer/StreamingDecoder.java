package io.llada.gateway.tokenizer;

import java.util.Arrays;

/**
 * Turns tokens into text as they come. A character may be spread over several tokens, so text that ends in U+FFFD is
 * held back until it is whole. Not thread-safe: one answer owns it.
 */
public final class StreamingDecoder {
  // Four bytes are the longest character. A model may also write bytes that are no character at all, and must not
  // make the window grow for ever.
  private static final int MAX_PENDING_TOKENS = 16;

  private final Tokenizer tokenizer;
  private int[] window = new int[0];
  private int read; // tokens of the window whose text has been given out
  private String readText = "";

  public StreamingDecoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** The text that this token completes; empty while a character is incomplete. */
  public String append(int id) {
    window = Arrays.copyOf(window, window.length + 1);
    window[window.length - 1] = id;
    String text = tokenizer.decode(window);
    boolean isIncomplete = text.endsWith("\uFFFD") && window.length - read <= MAX_PENDING_TOKENS;
    return isIncomplete ? "" : advance(text);
  }

  /** What is held back, whole or not. */
  public String flush() {
    return read == window.length ? "" : advance(tokenizer.decode(window));
  }

  // The tokens just given out stay in the window once, because a decoder may treat the first token specially.
  private String advance(String text) {
    String added = text.substring(Math.min(readText.length(), text.length()));
    window = Arrays.copyOfRange(window, read, window.length);
    read = window.length;
    readText = tokenizer.decode(window);
    return added;
  }
}
