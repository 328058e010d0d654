package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.llada.coordinator.CoordinatorServer;
import io.llada.gateway.GatewayLimits;
import io.llada.gateway.GatewayServer;
import io.llada.gateway.GatewaySettings;
import io.llada.gateway.coordinator.Endpoint;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.experts.ExpertOutline;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Two node processes with room for one half of the shards each, of which one is killed: nobody can take its shards.
class DegradedIT {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final String HOST = "127.0.0.1";
  private static final int GROUPS = 4;
  /// Three times what is waited for experts: a request hangs, or it does not.
  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient client = HttpClient.newHttpClient();
  private TestCluster cluster;
  private CoordinatorServer coordinator;
  private GatewayServer gateway;
  private String url;

  @BeforeEach
  void start() throws Exception {
    cluster = new TestCluster(MODEL, new TestCluster.Size(2, 0, 1),
        new ProcessNodes(MODEL, List.of("--memory", "" + halfOfTheShards())));
    coordinator = new CoordinatorServer(HOST, 0, cluster.coordinator());
    gateway = new GatewayServer(new GatewaySettings(HOST, 0, MODEL, List.of(new Endpoint(HOST, coordinator.start())),
        GatewayLimits.defaults()));
    url = "http://" + HOST + ":" + gateway.start();
  }

  @AfterEach
  void stop() throws Exception {
    gateway.close();
    coordinator.close();
    cluster.close();
    client.close();
  }

  /// GiB.
  private static double halfOfTheShards() {
    try (Checkpoint checkpoint = Checkpoint.open(MODEL)) {
      ExpertOutline outline = ExpertOutline.of(checkpoint);
      return (double) (outline.shardBytes() * (outline.shards().size() / 2)) / (1L << 30);
    }
  }

  private CompletableFuture<HttpResponse<String>> ask(String settings) {
    String body = "{\"messages\": [{\"role\": \"user\", \"content\": \"Where is the home of the white crab?\"}]%s}";
    return client.sendAsync(HttpRequest.newBuilder(URI.create(url + "/v1/chat/completions"))
        .header("content-type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(body.formatted(settings))).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static JsonNode answered(CompletableFuture<HttpResponse<String>> request, int status) throws Exception {
    HttpResponse<String> response = request.get(BOUND.toSeconds(), TimeUnit.SECONDS);
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    return JSON.readTree(response.body());
  }

  private static String text(JsonNode answer) {
    return answer.at("/choices/0/message/content").asText();
  }

  @Test
  void whoAllowsItIsAnsweredWithoutTheLostExpertsAndWhoDoesNotHearsWhichAreMissing() throws Exception {
    JsonNode whole = answered(ask(",\"allow_degraded\":true"), 200);
    assertThat(whole.has("degraded")).isFalse();

    cluster.kill(1);
    CompletableFuture<HttpResponse<String>> degraded = ask(",\"allow_degraded\":true");
    CompletableFuture<HttpResponse<String>> strict = ask("");

    JsonNode mark = answered(degraded, 200).path("degraded");
    assertThat(mark.path("layers")).isNotEmpty();
    assertThat(mark.path("groups")).allMatch(group -> group.asInt() < GROUPS).hasSizeBetween(1, GROUPS);
    assertThat(mark.path("tokens").asInt()).isPositive();
    assertThat(answered(strict, 503).at("/error/message").asText()).containsPattern("layer \\d+ groups \\[[\\d, ]+]");
    assertThat(JSON.readTree(status()).at("/coordinators/0/missingShards")).isNotEmpty();

    cluster.restart(1);
    await().atMost(BOUND).until(() -> cluster.coordinator().cluster().missing().isEmpty());
    JsonNode again = answered(ask(",\"allow_degraded\":true"), 200);
    assertThat(again.has("degraded")).isFalse();
    assertThat(text(again)).isEqualTo(text(whole)).isNotEmpty();
  }

  private String status() throws Exception {
    return client.send(HttpRequest.newBuilder(URI.create(url + "/status")).build(), HttpResponse.BodyHandlers
        .ofString()).body();
  }
}
