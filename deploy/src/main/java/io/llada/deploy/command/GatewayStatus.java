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
import picocli.CommandLine.Option;

/// What a gateway says about its cluster.
final class GatewayStatus {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);

  @Option(names = "--url", paramLabel = "URL", defaultValue = "http://127.0.0.1:8080", description = "The gateway. "
      + "Default: ${DEFAULT-VALUE}.")
  private URI url;

  /// The gateway's `/status`.
  ///
  /// @throws CommandFailedException when there is no gateway
  JsonNode fetch() throws InterruptedException {
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
}
