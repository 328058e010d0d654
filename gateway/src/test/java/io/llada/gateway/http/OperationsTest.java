package io.llada.gateway.http;

import static io.llada.gateway.GatewayFixture.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.FakeCoordinator;
import io.llada.gateway.GatewayFixture;
import io.llada.gateway.GatewayServer;
import io.llada.gateway.coordinator.Endpoint;
import io.llada.proto.internal.v1.CoordinatorStatus;
import io.llada.proto.internal.v1.ExpertNodeStatus;
import io.llada.proto.internal.v1.LoadedBytes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class OperationsTest {

  @Test
  void modelsHealthPageAndMetricsAreServed() throws IOException {
    try (GatewayFixture gateway = new GatewayFixture()) {
      gateway.coordinator.answers(5, FakeCoordinator.END_OF_TEXT);
      assertThat(gateway.chat("").statusCode()).isEqualTo(200);

      JsonNode models = json(gateway.get("/v1/models"));
      assertThat(models.path("object").asText()).isEqualTo("list");
      assertThat(models.at("/data/0/id").asText()).isEqualTo("llada2-tiny-chat");
      assertThat(models.at("/data/0/context_length").asInt()).isEqualTo(448);
      assertThat(models.at("/data/0/default_settings/max_tokens").asInt()).isEqualTo(256);
      assertThat(models.at("/data/0/default_settings/threshold").asText()).isEqualTo("0.95");
      assertThat(json(gateway.get("/v1/models/llada2-tiny-chat")).path("object").asText()).isEqualTo("model");
      assertThat(gateway.get("/icon.svg").statusCode()).isEqualTo(200);
      assertThat(gateway.get("/health").statusCode()).isEqualTo(200);
      assertThat(gateway.get("/ready").statusCode()).isEqualTo(200);
      for (String path : List.of("/", "/app.js", "/style.css")) {
        HttpResponse<String> page = gateway.get(path);
        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.headers().firstValue("content-security-policy")).hasValueSatisfying(
            policy -> assertThat(policy).startsWith("default-src 'none'"));
        assertThat(page.body()).doesNotContain("http://", "https://");
      }
      assertThat(gateway.get("/metrics").body()).contains("llada_requests_total{outcome=\"ok\"} 1.0",
          "llada_tokens_total{kind=\"completion\"} 2.0", "llada_steps_total 3.0", "llada_forwards_total 2.0",
          "llada_request_seconds_count{outcome=\"ok\"} 1",
          "llada_first_text_seconds_count 1", "llada_tokens_per_forward_count 1", "llada_ready 1.0",
          "llada_coordinator_reachable{coordinator=\"" + gateway.coordinator.endpoint() + "\"} 1.0");
    }
  }

  @Test
  void readyFollowsTheCoordinatorsStatusAndSaysWhy() throws IOException {
    try (GatewayFixture gateway = new GatewayFixture()) {
      CoordinatorStatus good = gateway.coordinator.status;

      gateway.coordinator.status = good.toBuilder().setLastForwardAgeMillis(30_000).build();
      await().untilAsserted(() -> assertNotReady(gateway, "30 s old"));
      gateway.coordinator.status = good.toBuilder().setLastForwardAgeMillis(-1).build();
      await().untilAsserted(() -> assertNotReady(gateway, "no forward pass"));
      gateway.coordinator.status = good.toBuilder().setEveryShardCovered(false).addMissingShards("layer 2 group 1")
          .build();
      await().untilAsserted(() -> assertNotReady(gateway, "layer 2 group 1"));
      gateway.coordinator.status = good;
      await().until(() -> gateway.get("/ready").statusCode() == 200);
      gateway.coordinator.close();
      await().untilAsserted(() -> assertNotReady(gateway, gateway.coordinator.endpoint().toString()));
      assertThat(gateway.get("/health").statusCode()).isEqualTo(200);
      assertThat(gateway.chat("").statusCode()).isEqualTo(503);
    }
  }

  @Test
  void healthAndStatusTellHowFreshTheRegistryIsAndWhichShardsHaveTooFewOwners() throws IOException {
    try (GatewayFixture gateway = new GatewayFixture()) {
      gateway.coordinator.status = gateway.coordinator.status.toBuilder().setRegistry("stale since 9 s")
          .addUnderReplicated("layer 2 group 1").setDraining(true).build();
      await().untilAsserted(() -> assertNotReady(gateway, "shutting down"));
      for (String path : List.of("/health", "/status")) {
        assertThat(gateway.get(path).statusCode()).isEqualTo(200);
        JsonNode coordinator = json(gateway.get(path)).at("/coordinators/0");
        assertThat(coordinator.path("registry").asText()).isEqualTo("stale since 9 s");
        assertThat(coordinator.at("/underReplicated/0").asText()).isEqualTo("layer 2 group 1");
      }
      assertThat(json(gateway.get("/status")).at("/coordinators/0/draining").asBoolean()).isTrue();
    }
  }

  @Test
  void statusAndMetricsTellWhatCoordinatorsCountAndHowNodesFare() throws IOException {
    try (GatewayFixture gateway = new GatewayFixture()) {
      gateway.coordinator.status = gateway.coordinator.status.toBuilder().setHedges(7).setFailovers(3).setPlansMade(4)
          .setPlansTakenUp(2).setImbalance(1.5).setPlacementEpoch(9).addUnderReplicated("layer 2 group 1")
          .addExpertNodes(ExpertNodeStatus.newBuilder().setNodeId("node-1").setState("ready").setZone("rack-1")
              .setDevice("cpu").setShards(8).setQueueDepth(5).setRoundTripMicros(1500).setSlowestRoundTripMicros(20_000)
              .setSpeed(0.8).setPairs(4711)
              .addLoaded(LoadedBytes.newBuilder().setSource("peer").setBytes(1024).setShards(2)))
          .addExpertNodes(ExpertNodeStatus.newBuilder().setNodeId("node-2").setState("suspect")).build();
      String coordinator = "coordinator=\"" + gateway.coordinator.endpoint() + "\"";
      String node = coordinator + ",node=\"node-1\"";
      await().untilAsserted(() -> assertThat(gateway.get("/metrics").body()).contains(
          "llada_coordinator_hedges{" + coordinator + "} 7.0", "llada_coordinator_failovers{" + coordinator + "} 3.0",
          "llada_coordinator_plans_made{" + coordinator + "} 4.0",
          "llada_coordinator_plans_taken_up{" + coordinator + "} 2.0",
          "llada_coordinator_placement_epoch{" + coordinator + "} 9.0",
          "llada_coordinator_imbalance{" + coordinator + "} 1.5",
          "llada_coordinator_expert_nodes_suspect{" + coordinator + "} 1.0",
          "llada_coordinator_shards_under_replicated{" + coordinator + "} 1.0",
          "llada_expert_node{" + coordinator + ",device=\"cpu\",node=\"node-1\",state=\"ready\",zone=\"rack-1\"} 1.0",
          "llada_expert_node_round_trip_seconds{" + node + "} 0.0015",
          "llada_expert_node_slowest_round_trip_seconds{" + node + "} 0.02",
          "llada_expert_node_queue_depth{" + node + "} 5.0", "llada_expert_node_pairs{" + node + "} 4711.0",
          "llada_expert_node_speed{" + node + "} 0.8",
          "llada_expert_node_loaded_bytes{" + node + ",source=\"peer\"} 1024.0"));
      JsonNode status = json(gateway.get("/status")).at("/coordinators/0");
      assertThat(status.path("failovers").asInt()).isEqualTo(3);
      assertThat(status.at("/expertNodes/0/loadedBytes/peer").asInt()).isEqualTo(1024);
      assertThat(status.at("/expertNodes/0/zone").asText()).isEqualTo("rack-1");
    }
  }

  private static void assertNotReady(GatewayFixture gateway, String reason) {
    HttpResponse<String> response = gateway.get("/ready");
    assertThat(response.statusCode()).isEqualTo(503);
    assertThat(json(response).at("/reasons/0").asText()).contains(reason);
  }

  @Test
  void aCoordinatorWithAnotherMaskTokenIsNotUsed() throws IOException {
    try (GatewayFixture gateway = new GatewayFixture()) {
      gateway.coordinator.model = gateway.coordinator.model.toBuilder().setMaskTokenId(1995).build();
      await().untilAsserted(() -> assertNotReady(gateway, "mask token is 1995"));
    }
  }

  @Test
  void aCoordinatorMayComeLaterAndComeBack() throws IOException {
    int free;
    try (ServerSocket socket = new ServerSocket(0)) {
      free = socket.getLocalPort();
    }
    try (GatewayServer server = GatewayFixture.server(List.of(new Endpoint("127.0.0.1", free)))) {
      int port = server.start();
      assertThat(status(port, "/v1/models")).isEqualTo(503);
      for (int round = 0; round < 2; round++) {
        try (FakeCoordinator late = new FakeCoordinator(free)) {
          assertThat(late.endpoint().port()).isEqualTo(free);
          await().until(() -> status(port, "/ready") == 200);
        }
        await().until(() -> status(port, "/ready") == 503);
      }
    }
  }

  @Test
  void theLeastBusyCoordinatorIsUsedAndAFullOneIsReplaced() throws IOException {
    try (FakeCoordinator busy = new FakeCoordinator();
        FakeCoordinator idle = new FakeCoordinator();
        GatewayServer server = GatewayFixture.server(List.of(busy.endpoint(), idle.endpoint()))) {
      busy.status = busy.status.toBuilder().setRunningSequences(3).setQueuedSequences(4).build();
      idle.status = idle.status.toBuilder().setRunningSequences(2).build();
      busy.answers(5, FakeCoordinator.END_OF_TEXT);
      idle.answers(6, FakeCoordinator.END_OF_TEXT);
      int port = server.start();

      assertThat(complete(port)).isEqualTo(200);
      assertThat(idle.requests).hasSize(1);
      idle.script = (request, call) -> call.fail(io.grpc.Status.RESOURCE_EXHAUSTED);
      assertThat(complete(port)).isEqualTo(200);
      assertThat(busy.requests).hasSize(1);
      idle.stop();
      assertThat(complete(port)).isEqualTo(200);
      assertThat(busy.requests).hasSize(2);
    }
  }

  @Test
  void anAnswerInProgressMayEndWhenTheGatewayCloses() throws Exception {
    GatewayFixture gateway = new GatewayFixture();
    gateway.coordinator.script = (request, call) -> {
      Thread.sleep(300); // the answer's own duration
      call.block(0, 5, FakeCoordinator.END_OF_TEXT).finish(
          io.llada.proto.internal.v1.DenoiseFinished.Reason.REASON_END_TOKEN, 1, 1);
    };
    var answer = CompletableFuture.supplyAsync(() -> gateway.chat(""));
    await().until(() -> gateway.coordinator.requests.size() == 1);
    gateway.server.close();
    assertThat(answer.get().statusCode()).isEqualTo(200);
    gateway.close();
  }

  private static int status(int port, String path) {
    return send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)));
  }

  private static int complete(int port) {
    return send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/v1/completions"))
        .header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofString("{\"prompt\":\"Hi\"}")));
  }

  private static int send(HttpRequest.Builder request) {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(request.build(), HttpResponse.BodyHandlers.discarding()).statusCode();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
