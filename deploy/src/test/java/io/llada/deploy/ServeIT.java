package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.deploy.local.LocalCluster;
import io.llada.proto.v1.Chat;
import io.llada.proto.v1.GenerateEvent;
import io.llada.proto.v1.GenerateRequest;
import io.llada.proto.v1.GenerationGrpc;
import io.llada.proto.v1.Message;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The whole path: real processes, a real client, the bundled model's own questions.
class ServeIT {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static LocalCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    cluster = LocalCluster
        .start(new LocalCluster.Settings(MODEL, 0, 2, Optional.of(0), ComputeSettings.usual(), "cpu",
            PlacementGoals.SINGLE));
  }

  @AfterAll
  static void stop() {
    cluster.close();
    CLIENT.close();
  }

  /// One question of each kind that the reference answers.
  private static List<JsonNode> questions() throws IOException {
    List<JsonNode> questions = new ArrayList<>();
    List<String> tasks = new ArrayList<>(List.of("fact-forward", "tool-call", "story", "japanese"));
    for (String line : Files.readAllLines(MODEL.resolve("eval-public.jsonl"))) {
      JsonNode question = JSON.readTree(line);
      if (tasks.remove(question.get("task").asText())) {
        questions.add(question);
      }
    }
    assertThat(tasks).isEmpty();
    return questions;
  }

  private static HttpResponse<String> post(JsonNode question, boolean stream) throws Exception {
    var body = JSON.createObjectNode().put("stream", stream);
    body.set("messages", question.get("messages"));
    if (question.has("tools")) {
      body.set("tools", question.get("tools"));
    }
    return CLIENT.send(HttpRequest.newBuilder(URI.create(cluster.url() + "/v1/chat/completions")).header("content-type",
        "application/json").POST(HttpRequest.BodyPublishers.ofString(body.toString())).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void aFactAToolCallAStoryAndJapaneseAreAnsweredOverHttp() throws Exception {
    for (JsonNode question : questions()) {
      JsonNode choice = JSON.readTree(post(question, false).body()).at("/choices/0");
      if (question.has("expected_tool_calls")) {
        assertThat(choice.get("finish_reason").asText()).isEqualTo("tool_calls");
        requireCall(question, choice.at("/message/tool_calls/0/function"));
      } else {
        assertThat(choice.at("/message/content").asText()).isEqualTo(question.get("reference_output").asText());
        assertThat(choice.get("finish_reason").asText()).isEqualTo("stop");
      }
    }
  }

  @Test
  void streamedAnswersAreTheSame() throws Exception {
    for (JsonNode question : questions()) {
      List<JsonNode> deltas = post(question, true).body().lines().filter(line -> line.startsWith("data: {")).map(
          ServeIT::chunk).toList();
      if (question.has("expected_tool_calls")) {
        requireCall(question, deltas.stream().map(delta -> delta.at("/choices/0/delta/tool_calls/0/function")).filter(
            call -> !call.isMissingNode()).findFirst().orElseThrow());
      } else {
        String text = deltas.stream().map(delta -> delta.at("/choices/0/delta/content").asText()).collect(Collectors
            .joining());
        assertThat(text).isEqualTo(question.get("reference_output").asText());
      }
    }
  }

  private static JsonNode chunk(String line) {
    try {
      return JSON.readTree(line.substring("data: ".length()));
    } catch (IOException e) {
      throw new AssertionError(line, e);
    }
  }

  private static void requireCall(JsonNode question, JsonNode function) throws IOException {
    JsonNode expected = question.at("/expected_tool_calls/0");
    assertThat(function.get("name")).isEqualTo(expected.get("name"));
    assertThat(JSON.readTree(function.get("arguments").asText())).isEqualTo(expected.get("arguments"));
  }

  @Test
  void grpcStreamsStepsBlocksAndUsage() throws Exception {
    JsonNode question = questions().getFirst();
    URI url = URI.create(cluster.url());
    ManagedChannel channel = NettyChannelBuilder.forAddress(url.getHost(), url.getPort()).usePlaintext().build();
    try {
      Iterator<GenerateEvent> events = GenerationGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS)
          .generate(GenerateRequest.newBuilder().setStepEvents(true).setChat(Chat.newBuilder().addMessages(Message
              .newBuilder().setRole("user").setContent(question.at("/messages/0/content").asText()))).build());
      List<GenerateEvent> all = new ArrayList<>();
      events.forEachRemaining(all::add);
      assertThat(all).anyMatch(GenerateEvent::hasStepProgress);
      assertThat(all.stream().filter(GenerateEvent::hasBlockCommitted).map(event -> event.getBlockCommitted().getText())
          .collect(Collectors.joining())).isEqualTo(question.get("reference_output").asText());
      assertThat(all.getLast().getFinished().getUsage().getTokensPerForward()).isPositive();
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void theClusterSaysThatItIsReadyAndWhoHoldsWhat() throws Exception {
    assertThat(get("/ready").statusCode()).isEqualTo(200);
    JsonNode coordinator = JSON.readTree(get("/status").body()).at("/coordinators/0");
    assertThat(coordinator.get("expertNodes")).hasSize(2).allMatch(node -> node.get("state").asText().equals("ready")
        && node.get("shards").asInt() == 8);
    assertThat(get("/metrics").body()).contains("llada_coordinator_shards_covered");
  }

  private static HttpResponse<String> get(String path) throws Exception {
    return CLIENT.send(HttpRequest.newBuilder(URI.create(cluster.url() + path)).build(), HttpResponse.BodyHandlers
        .ofString());
  }
}
