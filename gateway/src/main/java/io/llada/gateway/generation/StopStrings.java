package io.llada.gateway.generation;

import java.util.List;

/**
 * Ends a text before the first stop string. What may turn out to be the beginning of one is held back, so no part of a
 * stop string ever gets out. Not thread-safe: one answer owns it.
 */
final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean isReached;

  StopStrings(List<String> stops) {
    this.stops = stops;
  }

  /** The text that is known to stand before any stop string. */
  String append(String text) {
    if (isReached) {
      return "";
    }
    held.append(text);
    int stop = stops.stream().mapToInt(held::indexOf).filter(index -> index >= 0).min().orElse(-1);
    if (stop >= 0) {
      isReached = true;
      return take(stop);
    }
    int suspicious = stops.stream().mapToInt(this::beginningAtEnd).max().orElse(0);
    return take(held.length() - suspicious);
  }

  /** What was held back; the text is over. */
  String flush() {
    return isReached ? "" : take(held.length());
  }

  boolean isReached() {
    return isReached;
  }

  private int beginningAtEnd(String stop) {
    for (int length = Math.min(stop.length() - 1, held.length()); length > 0; length--) {
      if (stop.startsWith(held.substring(held.length() - length))) {
        return length;
      }
    }
    return 0;
  }

  private String take(int length) {
    String text = held.substring(0, length);
    held.delete(0, length);
    return text;
  }
}
