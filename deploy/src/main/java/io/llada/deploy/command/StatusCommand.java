package io.llada.deploy.command;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.deploy.offline.JsonLines;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// How a running cluster fares.
@Command(name = "status", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Shows a running cluster: coordinators, expert nodes, shards and load. Exit code 1 when it is not ready."})
public final class StatusCommand implements Callable<Integer> {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);

  @Option(names = "--url", paramLabel = "URL", defaultValue = "http://127.0.0.1:8080", description = "The gateway. "
      + "Default: ${DEFAULT-VALUE}.")
  private URI url;

  @Option(names = "--json", description = "As JSON.")
  private boolean isJson;

  @Override
  public Integer call() throws Exception {
    JsonNode status = fetch();
    if (isJson) {
      System.out.println(status.toPrettyString());
    } else {
      print(status);
    }
    return status.path("ready").asBoolean() ? 0 : 1;
  }

  private JsonNode fetch() throws InterruptedException {
    URI address = url.resolve("/status");
    try (HttpClient client = HttpClient.newBuilder().connectTimeout(TIMEOUT).build()) {
      HttpResponse<String> response = client.send(HttpRequest.newBuilder(address).timeout(TIMEOUT).build(),
          HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() != 200) {
        throw new CommandFailedException("%s answered %d: is it a llada gateway?".formatted(address, response
            .statusCode()));
      }
      return JsonLines.JSON.readTree(response.body());
    } catch (IOException e) {
      throw new CommandFailedException("%s does not answer (%s); start it with 'llada serve' or name it with --url"
          .formatted(address, e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage()), e);
    }
  }

  private static void print(JsonNode status) {
    System.out.println(status.path("ready").asBoolean() ? "ready" : "not ready: " + status.path("reasons"));
    for (JsonNode coordinator : status.path("coordinators")) {
      System.out.printf(
          "coordinator %s: %s, epoch %d, %d running, %d queued, %d forwards, %d tokens, last forward %s%n",
          coordinator.path("endpoint").asText(), coordinator.path("state").asText(), coordinator.path("epoch").asLong(),
          coordinator.path("running").asInt(), coordinator.path("queued").asInt(),
          coordinator.path("forwards").asLong(),
          coordinator.path("tokens").asLong(), age(coordinator.path("lastForwardAgeMillis").asLong(-1)));
      if (!coordinator.path("missingShards").isEmpty()) {
        System.out.println("  without an owner: " + coordinator.path("missingShards"));
      }
      for (JsonNode node : coordinator.path("expertNodes")) {
        System.out.printf("  %-16s %-21s %-8s %4d shards %10s  queue %d  %.0f us %s%n", node.path("id").asText(), node
            .path("endpoint").asText(), node.path("state").asText(), node.path("shards").asInt(),
            InspectCommand.bytes(node
                .path("weightBytes").asLong()),
            node.path("queueDepth").asInt(), node.path("roundTripMicros").asDouble(),
            node.path("detail").asText());
      }
    }
  }

  private static String age(long millis) {
    return millis < 0 ? "none yet" : millis + " ms ago";
  }
}
