package io.llada.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.llada.cluster.FreePorts;
import io.llada.gateway.GatewayLimits;
import io.llada.gateway.GatewayServer;
import io.llada.gateway.GatewaySettings;
import io.llada.gateway.coordinator.Endpoint;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A network that falls into two while answers stream: two members of the registry are on one side, one on the other, and
/// each side has a coordinator that plans and two of four expert nodes. The gateway reaches both coordinators.
class NetworkSplitIT {
  private static final Path MODEL = Path.of("models/llada2-tiny-chat");
  private static final String HOST = "127.0.0.1";
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  /// How long both serve by plans of their own; longer where it is run by hand: `-Dfaults.splitSeconds=60`.
  private static final Duration SPLIT = Duration.ofSeconds(Integer.getInteger("faults.splitSeconds", 15));
  private static final int MEMBERS = 3;
  private static final int COORDINATORS = 2;
  private static final int NODES = 4;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newHttpClient();
  /// Members of the registry, the first of which are coordinators, then nodes.
  private final List<LladaProcess> processes = new ArrayList<>();
  /// What stands before each of them.
  private final List<FaultProxy> walls = IntStream.range(0, MEMBERS + NODES).mapToObj(FaultProxy::new).toList();
  private GatewayServer gateway;
  private String url;

  /// All of them know each other by the addresses of the walls.
  private void start() throws Exception {
    List<Integer> ports = FreePorts.find(HOST, MEMBERS + NODES);
    String registry = walls.stream().limit(MEMBERS).map(FaultProxy::endpoint).collect(Collectors.joining(","));
    for (int i = 0; i < MEMBERS + NODES; i++) {
      FaultProxy wall = walls.get(i);
      String port = "" + ports.get(i);
      wall.leadTo(HOST + ":" + port);
      List<String> arguments = new ArrayList<>(List.of("--registry", registry));
      if (i < COORDINATORS) {
        arguments.addAll(0, List.of("coordinator", "--model", MODEL.toString(), "--threads", "1", "--id", "coordinator-"
            + i, "--port", "0", "--replicas", "2", "--registry-port", port));
      } else if (i < MEMBERS) {
        arguments.addAll(0, List.of("registry", "--registry-port", port));
      } else {
        arguments.addAll(0, List.of("expert-node", "--model", MODEL.toString(), "--threads", "1", "--id", "node-" + i,
            "--port", port, "--advertise", wall.endpoint()));
      }
      processes.add(new LladaProcess(List.of("-Dhazelcast.local.publicAddress=" + wall.endpoint()), arguments));
    }
    List<Endpoint> coordinators = new ArrayList<>();
    for (int i = 0; i < COORDINATORS; i++) {
      coordinators.add(Endpoint.parse(processes.get(i).awaitReady()));
    }
    gateway = new GatewayServer(new GatewaySettings(HOST, 0, MODEL, coordinators, GatewayLimits.defaults()));
    url = "http://" + HOST + ":" + gateway.start();
    await().atMost(PATIENCE).until(this::isWhole);
  }

  @AfterEach
  void stop() throws Exception {
    if (gateway != null) {
      gateway.close();
    }
    processes.forEach(LladaProcess::close);
    for (FaultProxy wall : walls) {
      wall.close();
    }
    http.close();
  }

  private JsonNode status(int coordinator) throws Exception {
    return JSON.readTree(http.send(HttpRequest.newBuilder(URI.create(url + "/status")).build(),
        HttpResponse.BodyHandlers.ofString()).body()).at("/coordinators/" + coordinator);
  }

  private long epoch(int coordinator) throws Exception {
    return status(coordinator).path("epoch").asLong();
  }

  private long readyNodes(int coordinator) throws Exception {
    return status(coordinator).path("expertNodes").findValuesAsText("state").stream().filter("ready"::equals).count();
  }

  /// One plan, every node in it, every shard twice.
  private boolean isWhole() throws Exception {
    for (int i = 0; i < COORDINATORS; i++) {
      JsonNode status = status(i);
      if (readyNodes(i) < NODES || !status.path("underReplicated").isEmpty() || !status.path("missingShards").isEmpty()
          || status.path("forwards").asInt() == 0 || !status.path("registry").asText().equals("fresh")) {
        return false;
      }
    }
    return epoch(0) == epoch(1);
  }

  private List<String> ask() {
    return StreamedAnswer.questions().stream().map(body -> new StreamedAnswer(http, url, body)).toList().stream()
        .map(StreamedAnswer::await).toList();
  }

  /// Lets each process be reached from its own side alone.
  private void split(Set<Integer> oneSide) {
    for (int i = 0; i < walls.size(); i++) {
      boolean isOnIt = oneSide.contains(i);
      walls.get(i).admitOnly(IntStream.range(0, processes.size()).filter(other -> oneSide.contains(other) == isOnIt)
          .mapToObj(other -> processes.get(other).id()).collect(Collectors.toSet()));
    }
  }

  @Test
  void bothPartsServeTheSameBitsAndOnePlanIsLeftWhenTheyMeet() throws Exception {
    start();
    List<String> undisturbed = ask();
    assertThat(undisturbed).allMatch(answer -> answer.startsWith("200") && answer.endsWith("[DONE]"));
    long before = epoch(0);

    AtomicBoolean isOver = new AtomicBoolean();
    CompletableFuture<Integer> load = CompletableFuture.supplyAsync(() -> {
      int rounds = 0;
      while (!isOver.get()) {
        assertThat(ask()).isEqualTo(undisturbed);
        rounds++;
      }
      return rounds;
    });
    try {
      split(Set.of(0, MEMBERS, MEMBERS + 1));
      await().atMost(PATIENCE).until(() -> epoch(0) > before && epoch(1) > before);
      Thread.sleep(SPLIT);
      System.out.printf("split: epochs %d and %d after %d, nodes ready %d and %d%n", epoch(0), epoch(1), before,
          readyNodes(0), readyNodes(1));

      walls.forEach(FaultProxy::admitAll);
      long healed = System.nanoTime();
      await().atMost(PATIENCE).until(this::isWhole);
      System.out.printf("one plan %d s after the parts could meet: epoch %d%n", Duration.ofNanos(System.nanoTime()
          - healed).toSeconds(), epoch(0));
    } finally {
      isOver.set(true);
    }
    assertThat(load.join()).isPositive();
    assertThat(ask()).isEqualTo(undisturbed);
  }
}
