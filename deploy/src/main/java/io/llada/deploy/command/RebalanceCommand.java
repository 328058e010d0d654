package io.llada.deploy.command;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.deploy.failure.CommandFailedException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Has shards placed anew by what was measured.
@Command(name = "rebalance", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Places expert shards anew, by the measured speed of the nodes and the rows the experts get, without waiting for the",
    "imbalance that would bring it about. Shows each node's shards now and then, and what has to be loaded."})
public final class RebalanceCommand implements Callable<Integer> {
  @Option(names = "--dry-run", description = "Only show it.")
  private boolean isDry;

  @Option(names = "--coordinator", paramLabel = "HOST:PORT", description = "The coordinator to ask. Default: the first "
      + "one that the gateway reaches.")
  private Optional<String> coordinator = Optional.empty();

  @Mixin
  private GatewayStatus gateway;

  @Override
  public Integer call() throws InterruptedException {
    try (GrpcRebalance rebalance = new GrpcRebalance(endpoint())) {
      List<String> lines = isDry ? rebalance.look() : rebalance.carryOut();
      lines.forEach(System.out::println);
    }
    return 0;
  }

  private String endpoint() throws InterruptedException {
    if (coordinator.isPresent()) {
      return coordinator.get();
    }
    for (JsonNode known : gateway.fetch().path("coordinators")) {
      if (known.path("state").asText().equals("reachable")) {
        return known.path("endpoint").asText();
      }
    }
    throw new CommandFailedException("the gateway reaches no coordinator now; name one with --coordinator");
  }
}
