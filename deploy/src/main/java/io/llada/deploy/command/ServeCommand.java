package io.llada.deploy.command;

import io.llada.cluster.RegistrySettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorServer;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.deploy.CommandFailedException;
import io.llada.deploy.local.LocalNodes;
import io.llada.gateway.GatewayLimits;
import io.llada.gateway.GatewayServer;
import io.llada.gateway.GatewaySettings;
import io.llada.gateway.coordinator.Endpoint;
import io.llada.model.checkpoint.Checkpoint;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
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
  private static final String HOST = "127.0.0.1";
  private static final Duration COVER_TIMEOUT = Duration.ofMinutes(30);
  private static final Duration FIRST_FORWARD_TIMEOUT = Duration.ofMinutes(5);
  private static final long POLL_MILLIS = 20;

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
  private ClusterOptions cluster;

  @Override
  public Integer call() throws Exception {
    if (expertNodes < 0 || expertNodes > 64) {
      throw new IllegalArgumentException("--expert-nodes must be 0..64, found " + expertNodes);
    }
    requireFree(port);
    Checkpoint.open(model.directory()).close(); // a damaged checkpoint is told about once, not by every process
    boolean hasRegistry = expertNodes > 0 && !isStatic;
    int registry = hasRegistry ? freePort(registryPort) : 0;
    CompletableFuture<LocalNodes> starting = CompletableFuture.supplyAsync(() -> LocalNodes.start(new LocalNodes.Template(
      model.directory(), cluster.threads(), hasRegistry ? Optional.of(HOST + ":" + registry) : Optional.empty()),
      expertNodes));
    if (!hasRegistry) {
      join(starting);
    }
    try (AutoCloseable nodes = () -> join(starting).close(); Coordinator coordinator = Coordinator.open(settings(
      hasRegistry, registry, starting)); CoordinatorServer server = new CoordinatorServer(HOST, 0, coordinator)) {
      join(starting);
      int coordinatorPort = server.start();
      awaitAnswers(coordinator);
      try (GatewayServer gateway = new GatewayServer(new GatewaySettings(HOST, port, model.directory(), List.of(
        new Endpoint(HOST, coordinatorPort)), GatewayLimits.defaults()))) {
        int bound = gateway.start();
        if (hasRegistry) {
          System.err.printf("expert nodes may join: llada expert-node --model %s --port 0 --registry %s:%d%n", model
            .directory(), HOST, registry);
        }
        System.out.println("ready http://" + HOST + ":" + bound);
        System.out.flush();
        Processes.awaitTermination();
      }
    }
    return 0;
  }

  private CoordinatorSettings settings(boolean hasRegistry, int registry, CompletableFuture<LocalNodes> nodes) {
    ExpertSource experts = new ExpertSource.Local();
    if (hasRegistry) {
      experts = new ExpertSource.Registered(RegistrySettings.member(RegistryOptions.CLUSTER_NAME, HOST, registry, List
        .of()));
    } else if (expertNodes > 0) {
      experts = new ExpertSource.Nodes(join(nodes).endpoints());
    }
    return new CoordinatorSettings("coordinator-1", model.directory(), experts, cluster.wire(), cluster.threads(),
      SchedulerLimits.DEFAULTS);
  }

  private static <T> T join(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : new CommandFailedException(e.getCause().toString(),
        e);
    }
  }

  /// Ready means a forward pass through every layer has been seen to work.
  private static void awaitAnswers(Coordinator coordinator) throws InterruptedException {
    if (!coordinator.awaitExperts(COVER_TIMEOUT)) {
      throw new CommandFailedException("the expert nodes did not load %s within %d minutes".formatted(coordinator
        .cluster().missing(), COVER_TIMEOUT.toMinutes()));
    }
    long deadline = System.nanoTime() + FIRST_FORWARD_TIMEOUT.toNanos();
    while (coordinator.scheduler().statistics().lastForwardAge().isEmpty()) {
      if (System.nanoTime() - deadline > 0) {
        throw new CommandFailedException("no forward pass succeeded within %d minutes; see the log (LLADA_LOG_LEVEL=DEBUG)"
          .formatted(FIRST_FORWARD_TIMEOUT.toMinutes()));
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  /// A port that is taken is told about at once, not after the model is loaded.
  private static void requireFree(int port) {
    try (ServerSocket probe = new ServerSocket()) {
      probe.bind(new InetSocketAddress(HOST, port));
    } catch (IOException e) {
      throw new CommandFailedException("port %d of %s is in use; choose another with --port".formatted(port, HOST), e);
    }
  }

  private static int freePort(int wanted) throws IOException {
    if (wanted != 0) {
      return wanted;
    }
    try (ServerSocket probe = new ServerSocket()) {
      probe.bind(new InetSocketAddress(HOST, 0));
      return probe.getLocalPort();
    }
  }
}
