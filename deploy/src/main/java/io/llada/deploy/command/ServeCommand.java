package io.llada.deploy.command;

import io.llada.deploy.local.LocalCluster;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Everything on this machine.
@Command(name = "serve", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Serves a model from this machine: gateway and coordinator in this process, expert nodes in processes beside it.",
    "Prints one line, 'ready http://127.0.0.1:PORT', when it can answer. Ctrl-C ends it all."}, footer = {"",
        "Then:  curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \\",
        "         -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Where is the home of the white crab?\"}]}'"})
public final class ServeCommand implements Callable<Integer> {
  @Mixin
  private ModelOption model;

  @Option(names = "--port", paramLabel = "PORT", defaultValue = "8080", description = "Port for clients; 0: any free "
      + "one. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(names = "--expert-nodes", paramLabel = "N", defaultValue = "2", description = "Expert node processes; 0: the "
      + "coordinator computes the experts. Default: ${DEFAULT-VALUE}.")
  private int expertNodes;

  @Option(names = "--registry-port", paramLabel = "PORT", defaultValue = "0", description = "Port of the registry, for "
      + "expert nodes that join later; 0: any free one. Default: ${DEFAULT-VALUE}.")
  private int registryPort;

  @Option(names = "--static", description = "Without a registry: the expert nodes are known by address.")
  private boolean isStatic;

  @Mixin
  private ReplicaOptions replicas;

  @Mixin
  private ClusterOptions cluster;

  @Override
  public Integer call() throws Exception {
    LocalCluster.Settings settings = new LocalCluster.Settings(model.directory(), port,
        cluster.expertNodes(expertNodes), isStatic
            ? Optional
                .empty()
            : Optional.of(registryPort),
        cluster.compute(), cluster.device(), replicas.goals());
    try (LocalCluster local = LocalCluster.start(settings)) {
      local.registry().ifPresent(member -> System.err.printf(
          "expert nodes may join: llada expert-node --model %s --port 0 --registry %s%n", model.directory(), member));
      System.out.println("ready " + local.url());
      System.out.flush();
      Processes.awaitTermination();
    }
    return 0;
  }
}
