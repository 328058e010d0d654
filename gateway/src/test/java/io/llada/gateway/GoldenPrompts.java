package io.llada.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Conversation;
import io.llada.gateway.chat.Role;
import io.llada.gateway.chat.Tool;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;

/** The reference prompts and answers of the tiny models. */
public record GoldenPrompts(String task, Conversation conversation, int[] promptIds, int[] outputIds,
    String outputText) {

  public static List<GoldenPrompts> all() throws IOException {
    try (InputStream in = GoldenPrompts.class.getResourceAsStream("/golden-prompts.json")) {
      return StreamSupport.stream(new ObjectMapper().readTree(in).spliterator(), false).map(GoldenPrompts::of).toList();
    }
  }

  public static Path model(String name) {
    try {
      return Path.of(GoldenPrompts.class.getResource("/models/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  public static Path tinyModel() {
    return model("llada2-tiny-chat");
  }

  private static GoldenPrompts of(JsonNode node) {
    List<ChatMessage> messages = new ArrayList<>();
    node.path("messages").forEach(message -> messages
        .add(new ChatMessage(Role.of(message.path("role").asText()), message.path("content").asText())));
    List<Tool> tools = new ArrayList<>();
    node.path("tools").forEach(tool -> tools.add(Tool.of(tool)));
    return new GoldenPrompts(node.path("task").asText(), new Conversation(messages, tools),
        ids(node.path("prompt_ids")),
        ids(node.path("output_ids")), node.path("output_text").asText());
  }

  private static int[] ids(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).intValue()).toArray();
  }

  @Override
  public String toString() {
    return task;
  }
}
