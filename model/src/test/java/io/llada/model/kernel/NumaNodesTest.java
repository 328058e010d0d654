package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NumaNodesTest {
  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {"0;{0}", "0-3;{0, 1, 2, 3}", "0,2;{0, 2}", "0-1,4-5,63-64;{0, 1, 4, 5, 63, 64}"})
  void aListOfNodesIsRead(String list, String nodes) {
    assertThat(NumaNodes.parse(list + "\n").toString()).isEqualTo(nodes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "3-1", "0-", "-1", "0,,1", "0-1-2", "0-2000000000"})
  void anythingElseIsRefused(String list) {
    assertThatThrownBy(() -> NumaNodes.parse(list)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void onlySeveralNodesAreWorthSpreadingOver() {
    assertThat(NumaNodes.of("0").areSeveral()).isFalse();
    assertThat(NumaNodes.of("0-1").areSeveral()).isTrue();
  }

  /// Whether the system agrees depends on the machine and its container; the memory is good either way.
  @ParameterizedTest
  @ValueSource(strings = {"0", "0-1", "1000"})
  void memoryIsUsableWhateverTheSystemAnswers(String nodes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = LargePages.allocate(8L << 20, arena);
      boolean agreed = NumaNodes.of(nodes).interleave(memory);
      memory.fill((byte) 7);
      assertThat(memory.get(ValueLayout.JAVA_BYTE, memory.byteSize() - 1)).isEqualTo((byte) 7);
      assertThat(agreed && nodes.equals("1000")).as("a node that is not there").isFalse();
    }
  }

  @Test
  void memoryThatBeginsInsideAPageIsRefusedHarmlessly() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = LargePages.allocate(8L << 20, arena);
      assertThat(NumaNodes.of("0").interleave(memory.asSlice(64, 4096))).isFalse();
    }
  }
}
