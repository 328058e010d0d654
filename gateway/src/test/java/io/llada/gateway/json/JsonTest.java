package io.llada.gateway.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {

  @ParameterizedTest
  @ValueSource(strings = {"", "  ", "{", "{\"a\":1,\"a\":2}", "{} {}", "NaN", "{\"a\":NaN}", "{\"a\":1e999}",
      "\"\\ud800\"", "{\"\\udc00\":1}",
      "\"\\ud800x\"", "[01]", "\uFEFF{}"})
  void whatIsNotStrictJsonIsRefused(String json) {
    assertThatThrownBy(() -> StrictJson.parse(json)).isInstanceOf(InvalidJsonException.class);
  }

  @Test
  void nestingIsBounded() throws InvalidJsonException {
    int deepest = StrictJson.MAX_DEPTH;
    assertThat(StrictJson.parse("[".repeat(deepest) + "]".repeat(deepest))).isNotNull();
    assertThatThrownBy(() -> StrictJson.parse("[".repeat(deepest + 1) + "]".repeat(deepest + 1)))
        .isInstanceOf(InvalidJsonException.class);
  }

  @Test
  void aHugeExponentCostsNothing() {
    assertThatThrownBy(() -> StrictJson.parse("[1e999999999]")).isInstanceOf(InvalidJsonException.class)
        .hasMessageContaining("out of range");
  }

  @Test
  void theOffsetOfABadByteIsNamed() {
    byte[] bytes = "{\"a\":\"xy\"}".getBytes(StandardCharsets.UTF_8);
    bytes[7] = (byte) 0xff;
    assertThatThrownBy(() -> StrictJson.parse(bytes)).hasMessageContaining("offset 7");
    assertThatThrownBy(() -> StrictJson.parse(new byte[]{'"', (byte) 0xc3})).isInstanceOf(InvalidJsonException.class)
        .hasMessageContaining("offset 1");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"{\"b\":[1,2],\"a\":null}|{\"b\": [1, 2], \"a\": null}",
      "\"é😀\\u0007\\u007f\\/\"|\"é😀\\u0007\u007f/\"",
      "1.0|1.0", "1e5|100000.0", "1e16|1e+16", "123456789012345678|123456789012345678", "0.0001|0.0001",
      "0.00001|1e-05", "-1.5e-7|-1.5e-07",
      "1e22|1e+22", "{}|{}", "[]|[]", "\"a\\\"b\\\\\\n\"|\"a\\\"b\\\\\\n\""})
  void jsonIsWrittenAsPythonWritesIt(String json, String expected) throws InvalidJsonException {
    assertThat(PythonJson.write(StrictJson.parse(json))).isEqualTo(expected);
  }
}
