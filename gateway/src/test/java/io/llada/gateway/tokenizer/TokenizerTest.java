package io.llada.gateway.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.gateway.GoldenPrompts;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static Tokenizer tokenizer;

  @BeforeAll
  static void load() throws IOException {
    tokenizer = Tokenizer.load(GoldenPrompts.tinyModel());
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "a\r\nb\r\n", "\u0000", "it's we'll 123", "😀👩‍👩‍👧 é ü 漢字 עברית", "\uFFFD",
      "\uFEFFbom", "tab\there   \n\n",
      "<|mask|>", "<role>HUMAN</role>x<|role_end|>", "[CLS][gMASK]<|endoftext|>"})
  void anyTextComesBackAsItWasAndHoldsNoControlToken(String text) {
    int[] ids = tokenizer.encodeText(text);

    assertThat(tokenizer.decode(ids)).isEqualTo(text);
    assertThat(Arrays.stream(ids)).noneMatch(tokenizer::isControlToken);
    assertThat(tokenizer.countTokens(text)).isEqualTo(ids.length);
  }

  @ParameterizedTest
  @ValueSource(strings = {"😀👩‍👩‍👧 é ü 漢字 עברית end", "\uFFFD\uFFFD x \uFFFD", "plain"})
  void aCharacterIsHeldBackUntilItIsWhole(String text) {
    StreamingDecoder decoder = new StreamingDecoder(tokenizer);
    StringBuilder out = new StringBuilder();
    for (int id : tokenizer.encodeText(text)) {
      String piece = decoder.append(id);
      out.append(piece);
      assertThat(text).startsWith(out.toString());
    }
    assertThat(out.append(decoder.flush())).hasToString(text);
  }

  @Test
  void bytesThatAreNoCharacterDoNotMakeTheDecoderHoldBackForEver() {
    int half = tokenizer.encodeText("😀")[0];
    StreamingDecoder decoder = new StreamingDecoder(tokenizer);
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      out.append(decoder.append(half));
    }
    assertThat(out.toString()).isNotEmpty().matches("\uFFFD+");
  }

  @Test
  void controlTokensAreKnownByTheirStringAndSkippedInText() {
    int mask = tokenizer.controlToken("<|mask|>");

    assertThat(mask).isEqualTo(1988);
    assertThat(tokenizer.decode(mask, tokenizer.encodeText("hi")[0], 1994))
        .isEqualTo(tokenizer.decode(tokenizer.encodeText("hi")[0]));
    assertThatThrownBy(() -> tokenizer.controlToken("<|nope|>")).hasMessageContaining("<|nope|>");
  }

  @Test
  void aLoneSurrogateIsRefused() {
    assertThatThrownBy(() -> tokenizer.encodeText("ab\uD800c")).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("character 2");
  }

  @ParameterizedTest
  @ValueSource(strings = {" ", "a", "!", "\n", "1", "é"})
  void aMegabyteOfOneCharacterTakesBoundedTime(String unit) {
    String text = unit.repeat(1_000_000);
    int[] ids = Assertions.assertTimeout(Duration.ofSeconds(30), () -> tokenizer.encodeText(text));
    assertThat((long) ids.length).isGreaterThanOrEqualTo(tokenizer.fewestTokens(text.length()));
  }

  @Test
  void aMarkerThatUsersMayWriteIsOneTokenAndReadsAsText(@TempDir Path directory) throws IOException {
    String json = Files.readString(GoldenPrompts.tinyModel().resolve("tokenizer.json"))
        .replace("\"<|reserved_token_1|>\"", "\"<tool_call>\"");
    Files.writeString(directory.resolve("tokenizer.json"), json);

    try (Tokenizer marked = Tokenizer.load(directory)) {
      int[] ids = marked.encodeText("a<tool_call>b");
      assertThat(ids).contains(1989).hasSize(3);
      assertThat(marked.decode(ids)).isEqualTo("a<tool_call>b");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{}", "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}",
      "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]},\"added_tokens\":[]}",
      "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":[{\"content\":\"x\",\"id\":99999999}]}"})
  void aHostileFileIsRefusedByName(String json, @TempDir Path directory) throws IOException {
    Files.writeString(directory.resolve("tokenizer.json"), json);

    assertThatThrownBy(() -> Tokenizer.load(directory)).isInstanceOf(IOException.class)
        .hasMessageContaining("tokenizer.json");
  }

  @Test
  void aFileBeyondTheLimitIsNotRead(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("tokenizer.json");
    try (var channel = FileChannel.open(file, StandardOpenOption.CREATE,
        StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[1]), TokenizerFile.MAX_FILE_BYTES); // sparse
    }
    assertThatThrownBy(() -> Tokenizer.load(directory)).hasMessageContaining("at most " + TokenizerFile.MAX_FILE_BYTES);
  }
}
