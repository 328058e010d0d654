package io.llada.gateway.http;

import static io.llada.gateway.GatewayFixture.chatBody;
import static io.llada.gateway.GatewayFixture.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.grpc.Status;
import io.llada.gateway.FakeCoordinator;
import io.llada.gateway.GatewayFixture;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each row is one thing a stranger may send; after each, the gateway still answers. */
class HostileRequestsTest {
  private static final String CHAT = "/v1/chat/completions";
  private static GatewayFixture gateway;

  @BeforeAll
  static void start() throws IOException {
    gateway = new GatewayFixture();
  }

  @AfterAll
  static void stop() {
    gateway.close();
  }

  @BeforeEach
  void answerAnything() {
    gateway.coordinator.answers(5, FakeCoordinator.END_OF_TEXT);
    gateway.coordinator.requests.clear();
  }

  @AfterEach
  void theGatewayStillAnswers() {
    gateway.coordinator.answers(5, FakeCoordinator.END_OF_TEXT);
    assertThat(gateway.chat("").statusCode()).isEqualTo(200);
  }

  private static void refused(HttpResponse<String> response, int status, String parameter, String... parts) {
    JsonNode error = json(response).path("error");
    assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
    assertThat(response.headers().firstValue("content-type")).hasValue("application/json; charset=utf-8");
    assertThat(error.path("param").asText()).as(response.body()).isEqualTo(parameter);
    assertThat(error.path("message").asText()).contains(parts);
    assertThat(error.path("type").asText()).isNotEmpty();
    assertThat(error.path("code").asText()).isNotEmpty();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "\"max_tokens\":0|max_tokens|is 0: must be a whole number, 1 ..", "\"max_tokens\":-1|max_tokens|is -1",
      "\"max_tokens\":1e30|max_tokens|1E+30", "\"max_tokens\":99999999999999999999|max_tokens|99999999999999999999",
      "\"max_tokens\":1.5|max_tokens|1.5", "\"max_tokens\":\"7\"|max_tokens|\"7\"", "\"max_tokens\":449|max_tokens|449",
      "\"max_tokens\":5,\"max_completion_tokens\":6|max_tokens|send one", "\"steps\":0|steps|1 .. 1024",
      "\"steps\":1025|steps|1025", "\"block_length\":0|block_length|0", "\"block_length\":4096|block_length|4096",
      "\"threshold\":1.5|threshold|1.5", "\"threshold\":-0.1|threshold|-0.1", "\"threshold\":true|threshold|true",
      "\"temperature\":-1|temperature|-1", "\"temperature\":2.1|temperature|2.1", "\"top_p\":0|top_p|above 0",
      "\"top_p\":1.01|top_p|1.01", "\"top_k\":-1|top_k|-1", "\"top_k\":2147483648|top_k|2147483648",
      "\"seed\":-1|seed|-1", "\"seed\":18446744073709551616|seed|18446744073709551615",
      "\"remasking\":\"lucky\"|remasking|lucky", "\"remasking\":3|remasking|3", "\"early_stop\":1|early_stop|1",
      "\"stream\":\"yes\"|stream|yes", "\"stop\":7|stop|7", "\"stop\":[\"\"]|stop|0 characters",
      "\"stop\":[1]|stop|array",
      "\"stop\":{}|stop|object", "\"n\":2|n|one answer", "\"n\":0|n|0", "\"logprobs\":true|logprobs|not supported",
      "\"top_logprobs\":3|top_logprobs|not supported",
      "\"response_format\":{\"type\":\"json_schema\"}|response_format|not supported",
      "\"response_format\":7|response_format|not supported", "\"tool_choice\":\"required\"|tool_choice|required",
      "\"tool_choice\":{\"type\":\"function\"}|tool_choice|object", "\"tools\":{}|tools|array",
      "\"tools\":[{\"type\":\"x\"}]|tools[0]|function",
      "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]|tools[0]|a b",
      "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":[]}}]|tools[0]|schema",
      "\"frequency_penalty\":0.5|frequency_penalty|not supported",
      "\"presence_penalty\":1|presence_penalty|not supported",
      "\"logit_bias\":{\"5\":1}|logit_bias|not supported", "\"audio\":{}|audio|not supported",
      "\"modalities\":[\"audio\"]|modalities|not supported",
      "\"parallel_tool_calls\":false|parallel_tool_calls|not supported",
      "\"step_events\":true|step_events|stream", "\"stream_options\":{}|stream_options|stream",
      "\"tempreature\":1|tempreature|unknown field",
      "\"stream\":true,\"stream_options\":{\"x\":1}|stream_options.x|unknown field", "\"model\":5|model|5"})
  void aWrongFieldIsNamedWithItsValueAndLimit(String fields, String parameter, String part) {
    refused(gateway.chat(fields), 400, parameter, part);
    assertThat(gateway.coordinator.requests).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "{}|messages|0 items", "{\"messages\":[]}|messages|0 items", "{\"messages\":5}|messages|array",
      "[]|null|JSON object",
      "{\"messages\":[5]}|messages[0]|object", "{\"messages\":[{\"content\":\"x\"}]}|messages[0].role|role",
      "{\"messages\":[{\"role\":\"king\",\"content\":\"x\"}]}|messages[0].role|king",
      "{\"messages\":[{\"role\":\"user\"}]}|messages[0].content|string",
      "{\"messages\":[{\"role\":\"user\",\"content\":null}]}|messages[0].content|string",
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://x\"}}]}]}|messages[0].content[0].type|image_url",
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}|messages[0].content[0].text|string",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"weight\":1}]}|messages[0].weight|unknown",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}|messages[0].role|tool calls",
      "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}]}|messages[0].tool_calls[0].function.arguments|string",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"\\ud800\"}]}|null|lone surrogate",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"messages\":[]}|null|uplicate",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]|null|not valid JSON",
      "{\"temperature\":NaN}|null|not valid JSON",
      "{\"temperature\":1e999}|null|out of range", "``|null|empty"})
  void aWrongBodyIsRefused(String body, String parameter, String part) {
    refused(gateway.post(CHAT, body), 400, parameter, part);
    assertThat(gateway.coordinator.requests).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "{}|prompt|string", "{\"prompt\":\"\"}|prompt|0 tokens", "{\"prompt\":[]}|prompt|0 tokens",
      "{\"prompt\":[1988]}|prompt|mask token",
      "{\"prompt\":[2048]}|prompt|0 .. 2047", "{\"prompt\":[-1]}|prompt|-1",
      "{\"prompt\":[1.5]}|prompt|array of token ids",
      "{\"prompt\":[\"a\",\"b\"]}|prompt|array of token ids",
      "{\"prompt\":\"x\",\"logprobs\":5}|logprobs|not supported",
      "{\"prompt\":\"x\",\"echo\":true}|echo|not supported", "{\"prompt\":\"x\",\"suffix\":\"y\"}|suffix|not supported",
      "{\"prompt\":\"x\",\"best_of\":2}|best_of|only 1", "{\"prompt\":\"x\",\"messages\":[]}|messages|unknown field"})
  void aWrongTextCompletionIsRefused(String body, String parameter, String part) {
    refused(gateway.post("/v1/completions", body), 400, parameter, part);
    assertThat(gateway.coordinator.requests).isEmpty();
  }

  @Test
  void aPromptThatFillsTheContextIsRefusedWithTheNumbers() {
    String ids = "5,".repeat(447) + "5";
    refused(gateway.post("/v1/completions", "{\"prompt\":[" + ids + "]}"), 400, "prompt", "448", "no room");
    refused(gateway.post("/v1/completions", "{\"prompt\":[5],\"max_tokens\":448}"), 400, "max_tokens", "448",
        "at most 447");
    refused(gateway.post("/v1/completions", "{\"prompt\":\"" + "a".repeat(3 << 20) + "\"}"), 400, "prompt",
        "context holds 448");
    assertThat(gateway.post("/v1/completions", "{\"prompt\":[5],\"max_tokens\":447}").statusCode()).isEqualTo(200);
  }

  @Test
  void tooManyStopStringsAreRefused() {
    refused(gateway.chat("\"stop\":[" + "\"a\",".repeat(16) + "\"a\"]"), 400, "stop", "17", "at most 16");
    refused(gateway.chat("\"stop\":\"" + "a".repeat(257) + "\""), 400, "stop", "257", "256");
  }

  @Test
  void nestingBeyondTheLimitIsRefused() {
    refused(gateway.chat("\"metadata\":" + "[".repeat(100) + "]".repeat(100)), 400, "null", "not valid JSON",
        "exceeds the maximum allowed (64)");
  }

  @Test
  void badUtf8IsRefusedWithItsOffset() {
    byte[] body = chatBody("").getBytes(StandardCharsets.UTF_8);
    body[40] = (byte) 0xff;
    refused(gateway.send(HttpRequest.newBuilder(gateway.uri(CHAT)).header("content-type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofByteArray(body))), 400, "null", "UTF-8", "offset 40");
  }

  @Test
  void aBodyAboveTheLimitIsRefusedWithTheLimit() {
    String body = chatBody("\"user\":\"" + "x".repeat(4 << 20) + "\"");
    refused(gateway.post(CHAT, body), 413, "null", "at most 4194304 bytes");
  }

  @ParameterizedTest
  @ValueSource(strings = {"text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded"})
  void anotherMediaTypeIsRefused(String type) {
    refused(gateway.send(HttpRequest.newBuilder(gateway.uri(CHAT)).header("content-type", type)
        .POST(HttpRequest.BodyPublishers.ofString(chatBody("")))), 415, "null", "application/json");
  }

  @Test
  void anEncodedBodyIsRefused() {
    refused(gateway.send(HttpRequest.newBuilder(gateway.uri(CHAT)).header("content-type", "application/json")
        .header("content-encoding", "gzip").POST(HttpRequest.BodyPublishers.ofString(chatBody("")))), 415, "null",
        "gzip");
  }

  @Test
  void anotherMethodPathOrModelIsRefused() {
    refused(gateway.get(CHAT), 405, "null", "method");
    refused(gateway.send(HttpRequest.newBuilder(gateway.uri("/v1/models")).DELETE()), 405, "null", "method");
    refused(gateway.get("/v2/nothing"), 404, "null", "path");
    refused(gateway.chat("\"model\":\"gpt-9\""), 404, "model", "gpt-9", "llada2-tiny-chat");
    refused(gateway.get("/v1/models/gpt-9"), 404, "model", "gpt-9");
  }

  @Test
  void aFullCoordinatorMeansComeBackLater() {
    gateway.coordinator.script = (request, call) -> call
        .fail(Status.RESOURCE_EXHAUSTED.withDescription("queue holds 64 sequences"));
    HttpResponse<String> response = gateway.chat("");
    refused(response, 429, "null", "queue holds 64");
    assertThat(response.headers().firstValue("retry-after")).hasValue("1");
  }

  @Test
  void aFullGatewayMeansComeBackLater() {
    gateway.coordinator.script = (request, call) -> call.step(0, 0, 5);
    try (Crowd crowd = new Crowd(GatewayFixture.LIMITS.maxConcurrentAnswers())) {
      await().until(() -> gateway.coordinator.requests.size() == crowd.sockets.size());
      refused(gateway.chat(""), 429, "null", "at most 8");
    }
    gateway.coordinator.answers(5, FakeCoordinator.END_OF_TEXT);
    await().until(() -> gateway.chat("").statusCode() == 200); // the crowd has left
  }

  /** Clients that ask and then wait. */
  private static final class Crowd implements AutoCloseable {
    private final List<Socket> sockets = new ArrayList<>();

    private Crowd(int size) {
      for (int i = 0; i < size; i++) {
        sockets.add(open(chatBody("")));
      }
    }

    @Override
    public void close() {
      for (Socket socket : sockets) {
        try {
          socket.close();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private static Socket open(String body) {
    try {
      Socket socket = new Socket("127.0.0.1", gateway.port);
      socket.getOutputStream()
          .write(("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
              + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.UTF_8));
      return socket;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @CsvSource({"UNAVAILABLE, 503", "DEADLINE_EXCEEDED, 504", "INTERNAL, 500", "INVALID_ARGUMENT, 400", "UNKNOWN, 500"})
  void theCoordinatorsFailureHasAFittingStatus(String code, int status) {
    gateway.coordinator.script = (request, call) -> call
        .fail(Status.fromCode(Status.Code.valueOf(code)).withDescription("why"));
    refused(gateway.chat(""), status, "null", code.equals("DEADLINE_EXCEEDED") ? "deadline" : "why");
  }

  @Test
  void aCoordinatorThatStopsWithoutFinishingOrSendsMasksIsOurFault() {
    gateway.coordinator.script = (request, call) -> call.block(0, 5).stop();
    refused(gateway.chat(""), 500, "null", "without finishing");
    gateway.coordinator.script = (request, call) -> call.block(0, FakeCoordinator.MASK);
    refused(gateway.chat(""), 500, "null", "mask");
  }

  @Test
  void aRequestSentTooSlowlyIsCutOff() throws IOException {
    try (Socket socket = new Socket("127.0.0.1", gateway.port)) {
      socket.setSoTimeout((int) Duration.ofSeconds(15).toMillis());
      socket.getOutputStream().write(("POST " + CHAT
          + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
          .getBytes(StandardCharsets.UTF_8));
      StringBuilder answer = new StringBuilder();
      while (answer.indexOf("}}") < 0) {
        answer.append((char) socket.getInputStream().read());
      }
      assertThat(answer).startsWith("HTTP/1.1 408").contains("request_timeout", "not complete after 5 s");
    }
  }

  @Test
  void mutatedRequestsNeverCauseAnInternalError() {
    Random random = new Random(20261122);
    String good = chatBody(
        "\"max_tokens\":5,\"stop\":[\"x\"],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
    for (int round = 0; round < 500; round++) {
      byte[] body = good.getBytes(StandardCharsets.UTF_8);
      for (int i = 0; i <= random.nextInt(3); i++) {
        body[random.nextInt(body.length)] = (byte) random.nextInt(256);
      }
      HttpResponse<String> response = gateway.send(HttpRequest.newBuilder(gateway.uri(CHAT))
          .header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofByteArray(body)));
      assertThat(response.statusCode()).as(new String(body, StandardCharsets.ISO_8859_1)).isIn(200, 400, 404);
    }
  }
}
