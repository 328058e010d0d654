package io.llada.deploy.local;

import io.llada.cluster.FreePorts;
import io.llada.cluster.RegistrySettings;
import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorServer;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.OpenedResources;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.gateway.GatewayLimits;
import io.llada.gateway.GatewayServer;
import io.llada.gateway.GatewaySettings;
import io.llada.gateway.coordinator.Endpoint;
import io.llada.model.checkpoint.Checkpoint;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/// A whole cluster on this machine: gateway and coordinator in this process, expert nodes in processes beside it.
public final class LocalCluster implements AutoCloseable {
  private static final String HOST = "127.0.0.1";
  private static final Duration COVER_TIMEOUT = Duration.ofMinutes(30);
  private static final Duration FIRST_FORWARD_TIMEOUT = Duration.ofMinutes(5);
  private static final long POLL_MILLIS = 20;

  /// Grids of different names ignore each other; every process of a cluster uses this one.
  public static final String GRID = "llada";

  private final OpenedResources opened = new OpenedResources();
  private final Optional<LocalNodes> nodes;
  private final Optional<String> registry;
  private final String url;

  /// How the cluster is made.
  ///
  /// @param model checkpoint directory
  /// @param port of the gateway; 0: any free one
  /// @param expertNodes expert node processes; 0: the coordinator computes the experts
  /// @param registryPort of the registry; 0: any free one; empty: none, the expert nodes are known by address
  /// @param compute how the model is computed; nodes share as many threads as the coordinator has
  /// @param device what the expert nodes compute on
  /// @param goals on how many nodes each expert shard should be
  public record Settings(Path model, int port, int expertNodes, Optional<Integer> registryPort,
      ComputeSettings compute, String device, PlacementGoals goals) {
    public Settings {
      LocalNodes.requireCount(expertNodes);
    }
  }

  private LocalCluster(Settings settings) throws IOException, InterruptedException {
    try {
      requireFree(settings.port());
      Checkpoint.open(settings.model()).close(); // a damaged checkpoint is told about once, not by every process
      Optional<Integer> registryPort = settings.expertNodes() > 0 ? settings.registryPort() : Optional.empty();
      registry = registryPort.map(port -> HOST + ":" + (port == 0 ? FreePorts.find(HOST, 1).getFirst() : port));
      CompletableFuture<Optional<LocalNodes>> starting = startNodes(settings);
      // Nodes look for the registry, which is in the coordinator: both start at the same time. The coordinator is
      // closed first, or it would mourn its nodes.
      opened.keep(() -> starting.join().ifPresent(LocalNodes::close));
      Coordinator coordinator = opened.keep(Coordinator.open(new CoordinatorSettings("coordinator-1", settings.model(),
          experts(starting), settings.compute(), SchedulerLimits.DEFAULTS, settings.goals())));
      nodes = join(starting);
      CoordinatorServer server = opened.keep(new CoordinatorServer(HOST, 0, coordinator));
      int coordinatorPort = server.start();
      awaitAnswers(coordinator);
      GatewayServer gateway = opened.keep(
          new GatewayServer(new GatewaySettings(HOST, settings.port(), settings.model(), List.of(
              new Endpoint(HOST, coordinatorPort)), GatewayLimits.defaults())));
      url = "http://" + HOST + ":" + gateway.start();
    } catch (RuntimeException | IOException | InterruptedException e) {
      close();
      throw e;
    }
  }

  /// Starts everything and waits until it can answer.
  ///
  /// @throws CommandFailedException naming what did not start
  public static LocalCluster start(Settings settings) throws IOException, InterruptedException {
    return new LocalCluster(settings);
  }

  private CompletableFuture<Optional<LocalNodes>> startNodes(Settings settings) {
    if (settings.expertNodes() == 0) {
      return CompletableFuture.completedFuture(Optional.empty());
    }
    return CompletableFuture.supplyAsync(() -> Optional.of(LocalNodes.start(new LocalNodes.Template(settings.model(),
        LocalNodes.threadsOfEach(settings.compute().threads(), settings.expertNodes()), settings.compute().kernels(),
        registry, settings.device()),
        settings.expertNodes())));
  }

  private ExpertSource experts(CompletableFuture<Optional<LocalNodes>> starting) {
    if (registry.isPresent()) {
      int port = Integer.parseInt(registry.get().substring(HOST.length() + 1));
      return new ExpertSource.Registered(RegistrySettings.member(GRID, HOST, port, List.of()));
    }
    return join(starting).<ExpertSource>map(started -> new ExpertSource.Nodes(started.endpoints())).orElse(
        new ExpertSource.Local());
  }

  private static <T> T join(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause
          ? cause
          : new CommandFailedException(e.getCause().toString(),
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
        throw new CommandFailedException(
            "no forward pass succeeded within %d minutes; LLADA_LOG_LEVEL=DEBUG says why"
                .formatted(FIRST_FORWARD_TIMEOUT
                    .toMinutes()));
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  /// A port that is taken is told about at once, not after the model is loaded.
  private static void requireFree(int port) {
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress(HOST, port));
    } catch (IOException e) {
      throw new CommandFailedException("port %d of %s is in use; choose another with --port".formatted(port, HOST), e);
    }
  }

  /// Address of the gateway.
  public String url() {
    return url;
  }

  /// `host:port` where further expert nodes may register.
  public Optional<String> registry() {
    return registry;
  }

  /// The expert node processes.
  public Optional<LocalNodes> nodes() {
    return nodes;
  }

  @Override
  public void close() {
    opened.close();
  }
}
