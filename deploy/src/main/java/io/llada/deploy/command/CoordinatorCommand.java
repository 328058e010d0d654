package io.llada.deploy.command;

import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorServer;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.denoising.SchedulerLimits;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// One coordinator.
@Command(name = "coordinator", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Runs attention and the denoising loop; finds expert nodes in the registry it is a member of, or at --nodes."})
public final class CoordinatorCommand implements Callable<Integer> {
  /// Time to close everything once no request runs any more.
  private static final Duration CLOSING = Duration.ofSeconds(15);

  @Mixin
  private ModelOption model;

  @Mixin
  private ListenOptions listen;

  @Option(names = "--port", paramLabel = "PORT", defaultValue = "9090", description = "Port for gateways; 0: any free "
      + "one. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(names = "--id", paramLabel = "NAME", description = "Name of the coordinator. Default: host and port.")
  private Optional<String> id = Optional.empty();

  @Option(names = "--nodes", paramLabel = "HOST:PORT", split = ",", description = "Expert nodes by address; no registry "
      + "is used.")
  private List<String> nodes = List.of();

  @Option(names = "--local-experts", description = "Compute the experts in this process.")
  private boolean isLocal;

  @Option(names = "--drain-timeout", paramLabel = "SECONDS", defaultValue = "30", description = "How long running "
      + "requests may go on after SIGTERM; gateways resume the others elsewhere. Default: ${DEFAULT-VALUE}.")
  private int drainSeconds;

  @Mixin
  private RegistryOptions registry;

  @Mixin
  private ReplicaOptions replicas;

  @Mixin
  private ClusterOptions cluster;

  @Mixin
  private ParentOption parent;

  @Override
  public Integer call() throws Exception {
    listen.requireSafe();
    parent.watch();
    if (drainSeconds < 0) {
      throw new IllegalArgumentException("--drain-timeout is " + drainSeconds + ": must be at least 0");
    }
    CoordinatorSettings settings = new CoordinatorSettings(id.orElse(listen.host() + ":" + port), model.directory(),
        experts(), cluster.compute(), SchedulerLimits.DEFAULTS, replicas.goals());
    try (Coordinator coordinator = Coordinator.open(settings);
        CoordinatorServer server = new CoordinatorServer(listen
            .host(), port, coordinator)) {
      server.start();
      System.out.println("ready " + server.endpoint());
      Duration drain = Duration.ofSeconds(drainSeconds);
      Processes.awaitTermination(drain.plus(CLOSING));
      server.drain(drain);
    }
    return 0;
  }

  private ExpertSource experts() {
    if (isLocal) {
      return new ExpertSource.Local();
    }
    return nodes.isEmpty()
        ? new ExpertSource.Registered(registry.settings(listen.host()))
        : new ExpertSource.Nodes(
            nodes);
  }
}
