package io.llada.gateway.http;

import static io.llada.gateway.FakeCoordinator.END_OF_TEXT;
import static io.llada.gateway.GatewayFixture.chatBody;
import static io.llada.gateway.GatewayFixture.content;
import static io.llada.gateway.GatewayFixture.events;
import static io.llada.gateway.GatewayFixture.json;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.grpc.Status;
import io.llada.gateway.FakeCoordinator;
import io.llada.gateway.GatewayFixture;
import io.llada.proto.internal.v1.DenoiseFinished.Reason;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Answers that may go without experts. */
class DegradedTest {
  private static final String MARK = "{\"layers\":[2,3],\"groups\":[1],\"tokens\":9}";

  private GatewayFixture gateway;

  @BeforeEach
  void start() throws IOException {
    gateway = new GatewayFixture(GatewayFixture.LIMITS, 2);
    gateway.coordinators.forEach(coordinator -> coordinator.script = this::degraded);
  }

  @AfterEach
  void stop() {
    gateway.close();
  }

  private void degraded(io.llada.proto.internal.v1.DenoiseRequest request, FakeCoordinator.Call call)
      throws InterruptedException {
    if (request.getAllowDegraded()) {
      call.without(2, 1, 4).block(0, gateway.ids("One")).without(3, 1, 9);
    } else {
      call.block(0, gateway.ids("One"));
    }
    call.block(1, gateway.ids(" two", END_OF_TEXT)).finish(Reason.REASON_END_TOKEN, 1, 1);
  }

  @Test
  void anAnswerIsMarkedInOnePieceAndInTheLastChunkOfAStream() {
    assertThat(json(gateway.chat("\"allow_degraded\":true")).path("degraded")).isEqualTo(json(MARK));
    assertThat(json(gateway.post("/v1/completions", "{\"prompt\":\"Hello\",\"allow_degraded\":true}"))
        .path("degraded")).isEqualTo(json(MARK));
    List<JsonNode> events = events(gateway.chat("\"stream\":true,\"allow_degraded\":true"));
    assertThat(content(events)).isEqualTo("One two");
    assertThat(events.getLast().at("/choices/0/finish_reason").asText()).isEqualTo("stop");
    assertThat(events.getLast().path("degraded")).isEqualTo(json(MARK));
    assertThat(events.subList(0, events.size() - 1)).noneMatch(event -> event.has("degraded"));
    assertThat(gateway.get("/metrics").body()).contains("llada_degraded_answers_total 3.0");
  }

  @Test
  void nobodyElseIsAskedForOrMarked() {
    for (String fields : List.of("", "\"allow_degraded\":false", "\"stream\":true")) {
      HttpResponse<String> response = gateway.chat(fields);
      assertThat(response.statusCode()).isEqualTo(200);
      assertThat(response.body()).doesNotContain("degraded");
    }
    assertThat(gateway.get("/metrics").body()).contains("llada_degraded_answers_total 0.0");
  }

  @Test
  void theFlagIsTrueOrFalse() {
    HttpResponse<String> refused = gateway.chat("\"allow_degraded\":\"yes\"");
    assertThat(refused.statusCode()).isEqualTo(400);
    assertThat(json(refused).at("/error/param").asText()).isEqualTo("allow_degraded");
    assertThat(json(refused).at("/error/message").asText()).contains("\"yes\"", "true or false");
  }

  @Test
  void anAnswerThatGoesOnElsewhereKeepsItsMark() {
    gateway.coordinators.forEach(coordinator -> coordinator.script = (request, call) -> {
      if (request.getCommittedIdsCount() == 0) {
        call.without(3, 1, 4).block(0, gateway.ids("One"));
        call.fail(Status.UNAVAILABLE);
      } else {
        call.without(2, 1, 5).block(1, gateway.ids(" two", END_OF_TEXT)).finish(Reason.REASON_END_TOKEN, 1, 1);
      }
    });
    JsonNode answer = json(gateway.chat("\"allow_degraded\":true"));
    assertThat(answer.at("/choices/0/message/content").asText()).isEqualTo("One two");
    assertThat(answer.path("degraded")).isEqualTo(json(MARK));
  }

  @Test
  void aStreamThatFailsSaysThatWhatCameBeforeIsDegraded() {
    gateway.coordinators.forEach(coordinator -> coordinator.script = (request, call) -> {
      call.without(2, 1, 4).block(0, gateway.ids("One"));
      call.fail(Status.INTERNAL.withDescription("broken"));
    });
    JsonNode error = events(gateway.chat("\"stream\":true,\"allow_degraded\":true")).getLast().path("error");
    assertThat(error.path("code").asText()).isEqualTo("http_500");
    assertThat(error.path("message").asText()).contains("broken", "degraded", "layers [2] groups [1]");
  }

  @Test
  void aStreamThatMayBeDegradedCannotBeGoneOnWith() {
    HttpResponse<String> refused = gateway.send(HttpRequest.newBuilder(gateway.uri("/v1/chat/completions"))
        .header("content-type", "application/json").header("Last-Event-ID", "0")
        .POST(HttpRequest.BodyPublishers.ofString(chatBody("\"stream\":true,\"allow_degraded\":true"))));
    assertThat(refused.statusCode()).isEqualTo(400);
    assertThat(json(refused).at("/error/param").asText()).isEqualTo("Last-Event-ID");
  }
}
