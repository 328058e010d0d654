package io.llada.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// A chat that streams: what came, and when.
final class StreamedAnswer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long PATIENCE_SECONDS = 180;

  private final StringBuilder whole = new StringBuilder();
  private final StringBuilder text = new StringBuilder();
  private final AtomicInteger texts = new AtomicInteger();
  private volatile String lastEventId = "";
  private final CompletableFuture<String> end;
  private long lastTextNanos = System.nanoTime();
  private long longestPauseNanos;
  private String pendingId = "";

  /// Asks; returns at once.
  StreamedAnswer(HttpClient http, String url, String body) {
    this(http, HttpRequest.newBuilder(URI.create(url + "/v1/chat/completions"))
        .header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  /// As above, with a header.
  StreamedAnswer(HttpClient http, String url, String body, String header, String value) {
    this(http, HttpRequest.newBuilder(URI.create(url + "/v1/chat/completions"))
        .header("content-type", "application/json").header(header, value)
        .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  private StreamedAnswer(HttpClient http, HttpRequest.Builder builder) {
    HttpRequest request = builder.build();
    CompletableFuture<String> ended = new CompletableFuture<>();
    Thread.ofVirtual().name("streamed-answer").start(() -> {
      try {
        HttpResponse<java.util.stream.Stream<String>> response = http.send(request,
            HttpResponse.BodyHandlers.ofLines());
        whole.append(response.statusCode());
        response.body().filter(line -> !line.startsWith(":")).forEach(this::take);
        ended.complete(whole.toString());
      } catch (IOException | InterruptedException | RuntimeException e) {
        ended.completeExceptionally(e);
      }
    });
    this.end = ended;
  }

  /// Everything but ids and times counts: text, finish reason, usage, errors.
  private void take(String line) {
    if (line.startsWith("id: ")) {
      pendingId = line.substring("id: ".length());
      return;
    }
    if (!line.startsWith("data: {")) {
      whole.append(line);
      return;
    }
    JsonNode event = parse(line.substring("data: ".length()));
    JsonNode added = event.at("/choices/0/delta/content");
    if (!added.asText().isEmpty()) {
      text.append(added.asText());
      lastEventId = pendingId;
      long now = System.nanoTime();
      longestPauseNanos = Math.max(longestPauseNanos, now - lastTextNanos);
      lastTextNanos = now;
      texts.incrementAndGet();
    }
    whole.append(added.asText()).append(event.at("/choices/0/finish_reason").asText()).append(event.path("usage"))
        .append(event.path("error"));
  }

  private static JsonNode parse(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
  }

  /// A story, greedy and sampled, by several policies; each takes several blocks.
  static List<String> questions() {
    String start = "{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":"
        + "\"Tell me a story about Anna and a fox.\"}],\"max_tokens\":192,";
    return List.of(start + "\"remasking\":\"low_confidence\"}", start + "\"remasking\":\"random\"}",
        start + "\"remasking\":\"low_confidence\",\"temperature\":2,\"seed\":5}",
        start + "\"threshold\":0.99,\"temperature\":2,\"seed\":6}",
        start + "\"remasking\":\"editing\",\"threshold\":0.7}",
        start + "\"remasking\":\"random\",\"temperature\":2,\"seed\":7}");
  }

  /// Pieces of text so far.
  int texts() {
    return texts.get();
  }

  /// Id of the last piece of text that came, as long as ids are asked for; asked when nothing more comes.
  String lastEventId() {
    return lastEventId;
  }

  /// All text that came; asked when nothing more comes.
  String text() {
    return text.toString();
  }

  boolean isDone() {
    return end.isDone();
  }

  /// The whole stream, without what differs from time to time.
  String await() {
    try {
      return end.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError("so far: " + whole, e);
    }
  }

  /// The longest time without text. Asked when it is done.
  Duration longestPause() {
    return Duration.ofNanos(longestPauseNanos);
  }
}
