package io.llada.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.chat.PromptEncoder;
import io.llada.gateway.coordinator.Endpoint;
import io.llada.gateway.json.InvalidJsonException;
import io.llada.gateway.json.StrictJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;

/** A gateway with fake coordinators and an HTTP client. */
public final class GatewayFixture implements AutoCloseable {
  static {
    Awaitility.setDefaultTimeout(Duration.ofSeconds(30)); // a build machine may be busy
  }

  public static final GatewayLimits LIMITS = new GatewayLimits(4 << 20, 8, 100, Duration.ofSeconds(20),
      Duration.ofSeconds(5), Duration.ofSeconds(2), Duration.ofSeconds(20), Duration.ofSeconds(1),
      Duration.ofSeconds(15), Duration.ofSeconds(1));

  /** The first. */
  public final FakeCoordinator coordinator;
  public final List<FakeCoordinator> coordinators = new ArrayList<>();
  public final GatewayServer server;
  public final int port;
  public final PromptEncoder encoder;
  private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  public GatewayFixture() throws IOException {
    this(LIMITS, 1);
  }

  public GatewayFixture(GatewayLimits limits) throws IOException {
    this(limits, 1);
  }

  public GatewayFixture(GatewayLimits limits, int count) throws IOException {
    for (int i = 0; i < count; i++) {
      coordinators.add(new FakeCoordinator());
    }
    coordinator = coordinators.getFirst();
    server = new GatewayServer(new GatewaySettings("127.0.0.1", 0, GoldenPrompts.tinyModel(),
        coordinators.stream().map(FakeCoordinator::endpoint).toList(), limits));
    port = server.start();
    encoder = PromptEncoder.load(GoldenPrompts.tinyModel());
  }

  public static GatewayServer server(List<Endpoint> coordinators) throws IOException {
    return new GatewayServer(new GatewaySettings("127.0.0.1", 0, GoldenPrompts.tinyModel(), coordinators, LIMITS));
  }

  /** Ids of the text and then those given. */
  public int[] ids(String text, int... more) {
    return IntStream.concat(Arrays.stream(encoder.encode(text)), Arrays.stream(more)).toArray();
  }

  public URI uri(String path) {
    return URI.create("http://127.0.0.1:" + port + path);
  }

  public HttpResponse<String> get(String path) {
    return send(HttpRequest.newBuilder(uri(path)).GET());
  }

  public HttpResponse<String> post(String path, String json) {
    return send(HttpRequest.newBuilder(uri(path)).header("content-type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(json)));
  }

  public HttpResponse<String> chat(String fields) {
    return post("/v1/chat/completions", chatBody(fields));
  }

  public static String chatBody(String fields) {
    return "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]" + (fields.isEmpty() ? "" : "," + fields) + "}";
  }

  public HttpResponse<String> send(HttpRequest.Builder request) {
    try {
      return http.send(request.timeout(Duration.ofSeconds(30)).build(), HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  public static JsonNode json(HttpResponse<String> response) {
    return json(response.body());
  }

  public static JsonNode json(String text) {
    try {
      return StrictJson.parse(text);
    } catch (InvalidJsonException e) {
      throw new AssertionError(text, e);
    }
  }

  /** The events of a stream without the final [DONE], which must be there unless the stream ended with an error. */
  public static List<JsonNode> events(HttpResponse<String> response) {
    List<JsonNode> events = new ArrayList<>();
    boolean isDone = false;
    for (String event : response.body().split("\n\n")) {
      if (event.startsWith(":")) {
        continue;
      }
      if (isDone || !event.startsWith("data: ")) {
        throw new AssertionError("not an event: " + event);
      }
      isDone = event.equals("data: [DONE]");
      if (!isDone) {
        events.add(json(event.substring(6)));
      }
    }
    if (isDone == events.getLast().has("error")) {
      throw new AssertionError("the stream ended wrongly: " + response.body());
    }
    return events;
  }

  public static String content(List<JsonNode> events) {
    StringBuilder text = new StringBuilder();
    events.forEach(event -> text.append(event.at("/choices/0/delta/content").asText("")));
    return text.toString();
  }

  @Override
  public void close() {
    server.close();
    coordinators.forEach(FakeCoordinator::close);
    encoder.close();
    http.close();
  }
}
