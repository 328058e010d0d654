package io.llada.gateway.chat;

import java.util.ArrayList;
import java.util.List;

/**
 * Collects the segments of a prompt. Neighbouring text becomes one segment, because a tokenizer merges across the
 * border of two texts. Not thread-safe.
 */
final class PromptBuilder {
  private final List<Segment> segments = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();

  PromptBuilder control(String token) {
    closeText();
    segments.add(new Segment.Control(token));
    return this;
  }

  PromptBuilder text(String piece) {
    text.append(piece);
    return this;
  }

  List<Segment> segments() {
    closeText();
    return List.copyOf(segments);
  }

  private void closeText() {
    if (!text.isEmpty()) {
      segments.add(new Segment.Text(text.toString()));
      text.setLength(0);
    }
  }
}
