package io.llada.gateway.chat;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ToolCallParserTest {
  private static final String CALL = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"city\": \"Zürich\", \"n\": 1.0}}\n</tool_call>";

  @Test
  void callsAndTheTextAroundThemAreTakenApart() {
    ParsedAnswer answer = ToolCallParser
        .parse("Let me see.\n" + CALL + "\n" + CALL.replace("\"f\"", "\"g\"") + "\nDone.");

    assertThat(answer.content()).isEqualTo("Let me see.Done.");
    assertThat(answer.toolCalls()).containsExactly(new ToolCall("f", "{\"city\": \"Zürich\", \"n\": 1.0}"),
        new ToolCall("g", "{\"city\": \"Zürich\", \"n\": 1.0}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"<tool_call>\n{\"name\": \"f\", \"arguments\": {\n</tool_call>", "<tool_call>{}</tool_call>",
      "<tool_call>{\"name\": \"f\", \"arguments\": \"text\"}</tool_call> and more", "<tool_call>never closed",
      "plain <b>text</b>  ",
      "ends with <tool_", "<tool_call>{\"name\": \"\", \"arguments\": {}}</tool_call>"})
  void whatIsNoCallStaysText(String text) {
    assertThat(ToolCallParser.parse(text)).isEqualTo(new ParsedAnswer(text, List.of()));
  }

  @Test
  void piecesOfAnySizeGiveTheSameAnswerAndNoPartOfACallLeaksOut() {
    String text = "a < b <tool\n" + CALL + "  " + CALL;
    for (int size = 1; size < text.length(); size++) {
      ToolCallParser parser = new ToolCallParser();
      StringBuilder content = new StringBuilder();
      for (int from = 0; from < text.length(); from += size) {
        content.append(parser.append(text.substring(from, Math.min(text.length(), from + size))));
        assertThat("a < b <tool").startsWith(content.toString());
      }
      assertThat(content.append(parser.flush())).hasToString("a < b <tool");
      assertThat(parser.calls()).hasSize(2);
    }
  }
}
