package io.llada.gateway.generation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class StopStringsTest {

  @Test
  void piecesOfAnySizeEndAtTheSamePlace() {
    String text = "aaab ENEND tail ENDING";
    for (int size = 1; size <= text.length(); size++) {
      StopStrings stops = new StopStrings(List.of("END", "tail", "aab "));
      StringBuilder out = new StringBuilder();
      for (int from = 0; from < text.length(); from += size) {
        out.append(stops.append(text.substring(from, Math.min(text.length(), from + size))));
        assertThat("a").startsWith(out.toString());
      }
      assertThat(stops.isReached()).isTrue();
      assertThat(out.append(stops.flush())).hasToString("a");
    }
  }

  @Test
  void theFirstOfSeveralStopStringsCounts() {
    StopStrings stops = new StopStrings(List.of("later", "first"));
    assertThat(stops.append("x first then later")).isEqualTo("x ");
  }

  @Test
  void whatWasHeldBackComesOutInTheEnd() {
    StopStrings stops = new StopStrings(List.of("STOP"));
    assertThat(stops.append("go STO")).isEqualTo("go ");
    assertThat(stops.append("NE")).isEqualTo("STONE");
    assertThat(stops.append("S")).isEmpty();
    assertThat(stops.flush()).isEqualTo("S");
    assertThat(stops.isReached()).isFalse();
  }

  @Test
  void withoutStopStringsNothingIsHeldBack() {
    StopStrings stops = new StopStrings(List.of());
    assertThat(stops.append("text")).isEqualTo("text");
  }
}
