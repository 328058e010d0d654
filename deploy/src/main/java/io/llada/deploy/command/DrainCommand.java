package io.llada.deploy.command;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.deploy.failure.CommandFailedException;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// Has an expert node leave.
@Command(name = "drain", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Has an expert node leave without failing a request: others load its shards first. Exit code 0 when it has left."})
public final class DrainCommand implements Callable<Integer> {
  private static final Set<String> GONE = Set.of("lost", "refused");

  @Parameters(paramLabel = "NODE", description = "Id or address of the node, as 'llada status' shows it.")
  private String node;

  @Mixin
  private GatewayStatus gateway;

  @Override
  public Integer call() throws InterruptedException {
    try (GrpcDrain drain = new GrpcDrain(endpoint(nodes(gateway.fetch())))) {
      drain.run(System.out::println);
    }
    System.out.println(node + " has left");
    return 0;
  }

  /// Addresses of the nodes that can be asked, by id.
  private static Map<String, String> nodes(JsonNode status) {
    Map<String, String> nodes = new TreeMap<>();
    for (JsonNode coordinator : status.path("coordinators")) {
      for (JsonNode known : coordinator.path("expertNodes")) {
        if (!GONE.contains(known.path("state").asText())) {
          nodes.put(known.path("id").asText(), known.path("endpoint").asText());
        }
      }
    }
    return nodes;
  }

  private String endpoint(Map<String, String> nodes) {
    if (nodes.containsValue(node)) {
      return node;
    }
    if (!nodes.containsKey(node)) {
      throw new CommandFailedException("there is no expert node '%s' to drain; known are %s".formatted(node, nodes
          .isEmpty() ? "none" : String.join(", ", nodes.keySet())));
    }
    return nodes.get(node);
  }
}
