package io.llada.deploy;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.llada.cluster.FreePorts;
import io.llada.gateway.GatewayLimits;
import io.llada.gateway.GatewayServer;
import io.llada.gateway.GatewaySettings;
import io.llada.gateway.coordinator.Endpoint;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Two coordinators as processes, which share two expert nodes that hold every shard twice, behind a gateway in this
/// process.
final class SharedPool implements AutoCloseable {
  static final Path MODEL = Path.of("models/llada2-tiny-chat");
  static final int COORDINATORS = 2;
  static final int NODES = 2;
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final String HOST = "127.0.0.1";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newHttpClient();
  private final boolean hasRegistry;
  private final List<Integer> ports;
  private final List<LladaProcess> processes = new ArrayList<>();
  private final GatewayServer gateway;
  private final String url;

  /// Starts it all and waits until it answers.
  ///
  /// @param hasRegistry whether nodes are found in a registry; otherwise they are named
  /// @param limits of the gateway
  SharedPool(boolean hasRegistry, GatewayLimits limits) throws Exception {
    this.hasRegistry = hasRegistry;
    this.ports = FreePorts.find(HOST, 2 * COORDINATORS + NODES);
    this.gateway = new GatewayServer(new GatewaySettings(HOST, 0, MODEL, ports.subList(0, COORDINATORS).stream()
        .map(port -> new Endpoint(HOST, port)).toList(), limits));
    try {
      for (int i = COORDINATORS + NODES - 1; i >= 0; i--) {
        processes.addFirst(start(i));
      }
      for (LladaProcess process : processes) {
        process.awaitReady();
      }
      url = "http://" + HOST + ":" + gateway.start();
      awaitWhole();
    } catch (Exception | AssertionError e) {
      close();
      throw e;
    }
  }

  /// Coordinators come first, then expert nodes. Registry members have ports behind all of them.
  private LladaProcess start(int process) throws IOException {
    List<String> arguments = new ArrayList<>(List.of(process < COORDINATORS ? "coordinator" : "expert-node", "--model",
        MODEL.toString(), "--host", HOST, "--port", "" + ports.get(process), "--id", "process-" + process, "--threads",
        "1"));
    List<String> members = addresses(COORDINATORS + NODES, 2 * COORDINATORS + NODES);
    if (process < COORDINATORS) {
      arguments.addAll(List.of("--replicas", "2", "--drain-timeout", "5"));
      arguments.addAll(hasRegistry
          ? List.of("--registry-port", "" + ports.get(COORDINATORS + NODES + process), "--registry",
              members.get(COORDINATORS - 1 - process))
          : List.of("--nodes", String.join(",", addresses(COORDINATORS, COORDINATORS + NODES))));
    } else if (hasRegistry) {
      arguments.addAll(List.of("--registry", String.join(",", members)));
    }
    return new LladaProcess(arguments);
  }

  private List<String> addresses(int from, int to) {
    return ports.subList(from, to).stream().map(port -> HOST + ":" + port).toList();
  }

  LladaProcess coordinator(int index) {
    return processes.get(index);
  }

  LladaProcess node(int index) {
    return processes.get(COORDINATORS + index);
  }

  /// `host:port` of a coordinator.
  String address(int coordinator) {
    return HOST + ":" + ports.get(coordinator);
  }

  /// Starts a coordinator again that has ended, under its name and port, and waits until all is well.
  void restartCoordinator(int index) throws Exception {
    restart(index);
  }

  /// Starts a node again that has ended, under its name and port, and waits until all is well.
  void restartNode(int index) throws Exception {
    restart(COORDINATORS + index);
  }

  private void restart(int process) throws Exception {
    processes.set(process, start(process));
    processes.get(process).awaitReady();
    awaitWhole();
  }

  /// Waits until every coordinator is ready and every shard has its replicas.
  void awaitWhole() {
    await().atMost(PATIENCE).until(() -> {
      JsonNode status = status();
      for (int i = 0; i < COORDINATORS; i++) {
        JsonNode coordinator = status.at("/coordinators/" + i);
        if (!coordinator.path("state").asText().equals("reachable") || coordinator.path("forwards").asInt() == 0
            || !coordinator.path("missingShards").isEmpty() || !coordinator.path("underReplicated").isEmpty()
            || coordinator.path("expertNodes").size() < NODES || !isEveryNodeReady(coordinator)) {
          return false;
        }
      }
      return true;
    });
  }

  private static boolean isEveryNodeReady(JsonNode coordinator) {
    boolean isReady = true;
    for (JsonNode node : coordinator.path("expertNodes")) {
      isReady &= node.path("state").asText().equals("ready");
    }
    return isReady;
  }

  /// The gateway's `/status`.
  JsonNode status() throws Exception {
    return JSON.readTree(http.send(HttpRequest.newBuilder(URI.create(url + "/status")).build(),
        HttpResponse.BodyHandlers.ofString()).body());
  }

  /// A coordinator's entry there.
  JsonNode status(int coordinator) throws Exception {
    return status().at("/coordinators/" + coordinator);
  }

  GatewayServer gateway() {
    return gateway;
  }

  String url() {
    return url;
  }

  @Override
  public void close() {
    gateway.close();
    for (LladaProcess process : processes) {
      process.close();
    }
    http.close();
  }
}
