package io.llada.deploy.command;

import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.llada.cluster.HazelcastRegistry;
import io.llada.cluster.Registry;
import io.llada.expertnode.ExpertNodeModel;
import io.llada.expertnode.ExpertNodeServer;
import io.llada.expertnode.ExpertNodeSettings;
import io.llada.expertnode.GrpcPeerOutline;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.experts.ExpertBackend;
import io.llada.model.experts.ExpertOutline;
import io.llada.model.kernel.ComputePool;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// One expert node.
@Command(name = "expert-node", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Holds shards of a checkpoint's experts and computes them for coordinators.",
    "It reads only the bytes of the shards it is given, from its own copy of the checkpoint or from other nodes."})
public final class ExpertNodeCommand implements Callable<Integer> {
  private static final double MEMORY_SHARE = 0.8;
  private static final Duration PEERS_PATIENCE = Duration.ofSeconds(30);
  /// The most the first shard takes longer to load.
  private static final Duration WARM_UP = Duration.ofSeconds(1);
  /// Time to close everything once nobody uses the node any more.
  private static final Duration CLOSING = Duration.ofSeconds(15);

  @Mixin
  private ModelOption model;

  @Mixin
  private ListenOptions listen;

  @Option(names = "--port", paramLabel = "PORT", defaultValue = "9091", description = "Port to serve on; 0: any free "
      + "one. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(names = "--id", paramLabel = "NAME", description = "Name of the node, unique in the cluster. Default: host "
      + "and port.")
  private Optional<String> id = Optional.empty();

  /// Left out, coordinators must be told this node's address.
  @Mixin
  private RegistryMembers registry;

  @Option(names = "--advertise", paramLabel = "HOST:PORT", description = "Where coordinators reach the node, if that is "
      + "not the address it binds.")
  private Optional<String> advertise = Optional.empty();

  @Option(names = "--memory", paramLabel = "GIB", description = "GiB of expert weights the node may hold. Default: 80 %% "
      + "of the machine's memory.")
  private Optional<Double> memoryGib = Optional.empty();

  @Option(names = "--zone", paramLabel = "NAME", defaultValue = "", description = "What fails together with this node, "
      + "a rack or a data centre: replicas are kept in different zones.")
  private String zone;

  @Option(names = "--from-peers", paramLabel = "HOST:PORT", split = ",", description = "Needs no checkpoint: loads shards from "
      + "these expert nodes and from those that coordinators name.")
  private List<String> peers = List.of();

  @Option(names = "--shard-cache", paramLabel = "DIR", description = "Keeps shards that came from other nodes, or had to be "
      + "packed, in this directory: the next start reads them from there. Default: none.")
  private Optional<Path> cache = Optional.empty();

  @Option(names = "--drain-timeout", paramLabel = "SECONDS", defaultValue = "120", description = "The most it takes to "
      + "leave after SIGTERM or 'llada drain': others load its shards first. Default: ${DEFAULT-VALUE}.")
  private long drainSeconds;

  @Option(names = "--threads", paramLabel = "N", description = "Computing threads. Default: all cores.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Mixin
  private KernelsOption kernels;

  @Mixin
  private DeviceOption device;

  @Option(names = "--throttle-pairs-per-second", paramLabel = "N", hidden = true, description = "Compute no faster: for "
      + "benchmarks and tests.")
  private Optional<Double> pairsPerSecond = Optional.empty();

  @Mixin
  private ParentOption parent;

  @Override
  public Integer call() throws Exception {
    listen.requireSafe();
    parent.watch();
    try (ComputePool pool = new ComputePool(threads)) {
      return peers.isEmpty() ? serveCheckpoint(pool) : serveFromPeers(pool);
    }
  }

  private int serveCheckpoint(ComputePool pool) throws InterruptedException {
    try (Checkpoint checkpoint = Checkpoint.open(model.directory());
        ExpertBackend backend = device.open(ExpertOutline.of(checkpoint), kernels.provider().open(), pool)) {
      return serve(backend, ExpertNodeModel.of(checkpoint, backend));
    }
  }

  private int serveFromPeers(ComputePool pool) throws InterruptedException {
    if (model.isGiven()) {
      throw new IllegalArgumentException(
          "--model and --from-peers: a node has a checkpoint or loads from others; name one");
    }
    ExpertOutline outline = GrpcPeerOutline.find(sources(), InsecureChannelCredentials.create(), PEERS_PATIENCE);
    try (ExpertBackend backend = device.open(outline, kernels.provider().open(), pool)) {
      return serve(backend, ExpertNodeModel.of(outline, backend));
    }
  }

  /// @return exit code
  private int serve(ExpertBackend backend, ExpertNodeModel experts) throws InterruptedException {
    Optional<Registry> leases = registry.areNamed()
        ? Optional.of(HazelcastRegistry.open(registry.client()))
        : Optional.empty();
    try (ExpertNodeServer node = new ExpertNodeServer(settings(backend),
        pairsPerSecond.map(experts::throttled)
            .orElseGet(() -> experts.warmedUp(WARM_UP)),
        InsecureServerCredentials.create(), leases)) {
      node.start();
      System.out.println("ready " + node.endpoint());
      Processes.onTermination(node::drain, drainTimeout().plus(CLOSING));
      return node.awaitDrained() ? 0 : 1;
    } finally {
      leases.ifPresent(Registry::close);
    }
  }

  private Duration drainTimeout() {
    return Duration.ofSeconds(drainSeconds);
  }

  private ExpertNodeSettings settings(ExpertBackend backend) {
    ExpertNodeSettings usual = ExpertNodeSettings.of(id.orElse(listen.host() + ":" + port), listen.host(), port,
        backend.capacityBytes(hostBytes()));
    return new ExpertNodeSettings(usual.nodeId(), usual.host(), usual.port(), advertise, usual.capacityBytes(), usual
        .maxTokens(), usual.queueCapacity(), usual.credits(), zone,
        drainTimeout(), sources());
  }

  private ExpertNodeSettings.Sources sources() {
    return new ExpertNodeSettings.Sources(cache, peers);
  }

  private long hostBytes() {
    if (memoryGib.isPresent()) {
      return (long) (memoryGib.get() * (1L << 30));
    }
    return (long) (Processes.physicalMemoryBytes() * MEMORY_SHARE);
  }
}
