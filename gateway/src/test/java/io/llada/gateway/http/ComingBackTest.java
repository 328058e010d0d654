package io.llada.gateway.http;

import static io.llada.gateway.FakeCoordinator.END_OF_TEXT;
import static io.llada.gateway.GatewayFixture.chatBody;
import static io.llada.gateway.GatewayFixture.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.llada.gateway.GatewayFixture;
import io.llada.gateway.failure.GatewayException;
import io.llada.proto.internal.v1.DenoiseFinished.Reason;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Clients that lost their connection, or their gateway, and ask again. */
class ComingBackTest {
  private GatewayFixture gateway;

  @BeforeEach
  void start() throws IOException {
    gateway = new GatewayFixture();
    gateway.coordinator.script = (request, call) -> call.block(0, gateway.ids("One")).block(1, gateway.ids(" two"))
        .block(2, gateway.ids(" three", END_OF_TEXT)).finish(Reason.REASON_END_TOKEN, 3, 3);
  }

  @AfterEach
  void stop() {
    gateway.close();
  }

  private HttpResponse<String> chat(String fields, String... headers) {
    return gateway.send(HttpRequest.newBuilder(gateway.uri("/v1/chat/completions"))
        .header("content-type", "application/json").headers(headers)
        .POST(HttpRequest.BodyPublishers.ofString(chatBody(fields))));
  }

  @Test
  void aStreamGoesOnBehindTheLastEventThatItsClientHas() {
    String whole = chat("\"stream\":true", "Idempotency-Key", "k").body();
    assertThat(whole).contains("id: 0\ndata: {", "id: 1\n", "id: 2\n").doesNotContain("id: 3\n");
    String rest = chat("\"stream\":true", "Last-Event-ID", "0").body();
    assertThat(rest).contains("id: 1\n", "\" two\"", "id: 2\n", "\" three\"", "\"finish_reason\":\"stop\"", "[DONE]")
        .doesNotContain("id: 0\n", "\"One\"");
    assertThat(gateway.chat("\"stream\":true").body()).doesNotContain("id: 0\n"); // nobody else is bothered
  }

  @Test
  void aLastEventIdMustBeOneOfOurs() {
    HttpResponse<String> refused = chat("\"stream\":true", "Last-Event-ID", "abc");
    assertThat(refused.statusCode()).isEqualTo(400);
    assertThat(json(refused).at("/error/param").asText()).isEqualTo("Last-Event-ID");
    assertThat(chat("", "Last-Event-ID", "1").statusCode()).isEqualTo(400);
  }

  @Test
  void anAnswerUnderAKeyIsGivenAgainWithoutBeingMadeAgain() {
    HttpResponse<String> first = chat("", "Idempotency-Key", "k");
    assertThat(chat("", "Idempotency-Key", "k").body()).isEqualTo(first.body()).contains("One two three");
    assertThat(gateway.coordinator.requests).hasSize(1);
    assertThat(chat("", "Idempotency-Key", "other").statusCode()).isEqualTo(200);
    assertThat(gateway.coordinator.requests).hasSize(2);
    HttpResponse<String> another = chat("\"seed\":3", "Idempotency-Key", "k");
    assertThat(another.statusCode()).isEqualTo(400);
    assertThat(another.body()).contains("another body");
    assertThat(chat("", "Idempotency-Key", "k".repeat(256)).statusCode()).isEqualTo(400);
  }

  @Test
  void aKeyUnderWayIsNotBegunTwiceAndIsFreeAfterAFailure() {
    CompletableFuture<Void> goOn = new CompletableFuture<>();
    gateway.coordinator.script = (request, call) -> {
      goOn.join();
      call.fail(io.grpc.Status.INTERNAL);
    };
    for (String fields : new String[]{"", "\"stream\":true"}) {
      int before = gateway.coordinator.requests.size();
      CompletableFuture<HttpResponse<String>> first = CompletableFuture
          .supplyAsync(() -> chat(fields, "Idempotency-Key", "k"));
      await().until(() -> gateway.coordinator.requests.size() > before || first.isDone());
      if (!first.isDone()) {
        HttpResponse<String> second = chat(fields, "Idempotency-Key", "k");
        assertThat(second.statusCode()).isEqualTo(409);
        assertThat(second.headers().firstValue("retry-after")).isPresent();
      }
      goOn.complete(null);
      assertThat(first.join().statusCode()).isEqualTo(500);
    }
    assertThat(chat("", "Idempotency-Key", "k").statusCode()).isEqualTo(500); // begun again, not refused
  }

  @Test
  void answersAreKeptForAWhileAndNotMoreThanFit() {
    long[] now = {0};
    IdempotencyKeys keys = new IdempotencyKeys(() -> now[0]);
    byte[] body = {1};
    assertThat(keys.begin("running", body)).isEmpty();
    for (int i = 0; i <= IdempotencyKeys.MOST_ANSWERS; i++) {
      assertThat(keys.begin("k" + i, body)).isEmpty();
      keys.answered("k" + i, "answer");
    }
    assertThat(keys.begin("k0", body)).isEmpty(); // the oldest was forgotten
    assertThat(keys.begin("k1", body)).contains("answer");
    assertThat(keys.begin("large", body)).isEmpty();
    keys.answered("large", "x".repeat((int) IdempotencyKeys.MOST_CHARACTERS));
    assertThat(keys.begin("k1", body)).isEmpty();
    assertThat(keys.begin("large", body)).isPresent();
    now[0] += IdempotencyKeys.KEPT_FOR.toNanos() + 1;
    assertThat(keys.begin("large", body)).isEmpty();
    assertThatThrownBy(() -> keys.begin("running", body)).isInstanceOf(GatewayException.class)
        .hasMessageContaining("under way");
    assertThat(Duration.ofNanos(now[0])).isGreaterThan(IdempotencyKeys.KEPT_FOR);
  }
}
