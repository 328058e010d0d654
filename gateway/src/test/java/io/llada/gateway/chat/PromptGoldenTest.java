package io.llada.gateway.chat;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.gateway.GoldenPrompts;
import io.llada.gateway.tokenizer.StreamingDecoder;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PromptGoldenTest {
  private static PromptEncoder encoder;

  @BeforeAll
  static void load() throws IOException {
    encoder = PromptEncoder.load(GoldenPrompts.tinyModel());
  }

  @AfterAll
  static void close() {
    encoder.close();
  }

  static List<GoldenPrompts> prompts() throws IOException {
    return GoldenPrompts.all();
  }

  @Test
  void everyReferenceRunIsThere() throws IOException {
    assertThat(GoldenPrompts.all()).hasSize(18).anyMatch(prompt -> !prompt.conversation().tools().isEmpty());
  }

  @ParameterizedTest
  @MethodSource("prompts")
  void aConversationBecomesTheReferencePromptIds(GoldenPrompts golden) {
    assertThat(encoder.encode(golden.conversation())).isEqualTo(golden.promptIds());
  }

  @ParameterizedTest
  @MethodSource("prompts")
  void anAnswerReadsAsTheReferenceText(GoldenPrompts golden) {
    assertThat(encoder.decode(golden.outputIds())).isEqualTo(golden.outputText());
  }

  @ParameterizedTest
  @MethodSource("prompts")
  void anAnswerDecodedTokenByTokenReadsTheSame(GoldenPrompts golden) {
    StreamingDecoder decoder = encoder.streamingDecoder();
    StringBuilder text = new StringBuilder();
    for (int id : golden.outputIds()) {
      text.append(decoder.append(id));
    }
    assertThat(text.append(decoder.flush())).hasToString(golden.outputText());
  }
}
