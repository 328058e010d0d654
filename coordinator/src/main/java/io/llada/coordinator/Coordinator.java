package io.llada.coordinator;

import io.grpc.InsecureChannelCredentials;
import io.llada.cluster.HazelcastRegistry;
import io.llada.cluster.LeaseTracker;
import io.llada.cluster.Registry;
import io.llada.coordinator.denoising.Denoiser;
import io.llada.coordinator.denoising.ModelDescription;
import io.llada.coordinator.denoising.Scheduler;
import io.llada.coordinator.dispatch.DispatchSettings;
import io.llada.coordinator.dispatch.ExpertCluster;
import io.llada.coordinator.placement.ClusterView;
import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.NodeDirectory;
import io.llada.coordinator.placement.PlacementSettings;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.GenerationDefaults;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.experts.Experts;
import io.llada.model.experts.LocalExperts;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.layer.LanguageModelHead;
import io.llada.model.layer.LayerProbe;
import io.llada.model.layer.Transformer;
import io.llada.model.layer.TransformerWeights;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Everything of a coordinator but its server: weights, experts, denoising loop. Used by the server and, in one
/// process, by offline generation.
public final class Coordinator implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Coordinator.class);

  private final Deque<AutoCloseable> opened = new ArrayDeque<>();
  private final ModelDescription model;
  private final Scheduler scheduler;
  private final Optional<ExpertCluster> nodes;
  private final Optional<Registry> registry;

  private Coordinator(CoordinatorSettings settings, LayerProbe probe) {
    try {
      Checkpoint checkpoint = keep(Checkpoint.open(settings.model()));
      Kernels kernels = Kernels.best();
      ComputePool pool = keep(new ComputePool(settings.threads()));
      TransformerWeights weights = keep(TransformerWeights.load(checkpoint));
      model = new ModelDescription(name(checkpoint), checkpoint.config(), checkpoint.digest(), GenerationDefaults.read(
          checkpoint.directory(), checkpoint.config()), weights.bytes(), shardBytes(checkpoint),
          kernels.numericsClass());
      boolean isLocal = settings.experts() instanceof ExpertSource.Local || checkpoint.config().moe().isEmpty();
      registry = settings.experts() instanceof ExpertSource.Registered registered
          ? Optional.of(keep(
              (Registry) HazelcastRegistry.open(registered.registry())))
          : Optional.empty();
      nodes = isLocal ? Optional.empty() : Optional.of(keep(cluster(settings, checkpoint, kernels)));
      nodes.ifPresent(ExpertCluster::start);
      Experts experts = nodes.map(ExpertCluster::experts).orElseGet(() -> LocalExperts.load(checkpoint, settings
          .activations(), kernels, pool));
      scheduler = keep(new Scheduler(new Denoiser(new Transformer(weights, experts, kernels, pool),
          new LanguageModelHead(weights, kernels, pool), probe), settings.limits()));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /// Loads the model and starts the denoising loop.
  ///
  /// @throws io.llada.model.files.CheckpointException when the checkpoint cannot be used
  public static Coordinator open(CoordinatorSettings settings) {
    return new Coordinator(settings, LayerProbe.NONE);
  }

  /// As [#open], with a probe inside the forward pass.
  public static Coordinator open(CoordinatorSettings settings, LayerProbe probe) {
    return new Coordinator(settings, probe);
  }

  private ExpertCluster cluster(CoordinatorSettings settings, Checkpoint checkpoint, Kernels kernels) {
    ExpertModel expected = ExpertModel.of(checkpoint.config(), checkpoint.digest(), kernels.numericsClass(),
        shardBytes(checkpoint));
    NodeDirectory directory = switch (settings.experts()) {
      case ExpertSource.Nodes fixed -> NodeDirectory.of(fixed.endpoints());
      case ExpertSource.Registered _ -> {
        LeaseTracker leases = keep(new LeaseTracker(registry.orElseThrow(), System::nanoTime));
        leases.start();
        yield NodeDirectory.of(leases);
      }
      case ExpertSource.Local _ -> NodeDirectory.of(List.of());
    };
    return new ExpertCluster(expected, DispatchSettings.of(settings.id(), settings.activations()), PlacementSettings.of(
        settings.id()), directory, InsecureChannelCredentials.create(), registry);
  }

  private static long shardBytes(Checkpoint checkpoint) {
    return checkpoint.config().moe().isPresent() ? new ExpertShardLoader(checkpoint).shardBytes() : 0;
  }

  private static String name(Checkpoint checkpoint) {
    return checkpoint.directory().toAbsolutePath().normalize().getFileName().toString();
  }

  private <T extends AutoCloseable> T keep(T resource) {
    opened.push(resource);
    return resource;
  }

  /// Waits until every expert has a live owner.
  ///
  /// @return whether they all have
  public boolean awaitExperts(Duration bound) throws InterruptedException {
    return nodes.isEmpty() || nodes.get().placement().awaitCovered(bound);
  }

  public ModelDescription model() {
    return model;
  }

  public Scheduler scheduler() {
    return scheduler;
  }

  public ClusterView cluster() {
    return nodes.map(cluster -> ClusterView.of(cluster.placement())).orElse(ClusterView.local());
  }

  /// Where leases and placements are, if there is a registry.
  public Optional<Registry> registry() {
    return registry;
  }

  @Override
  public void close() {
    while (!opened.isEmpty()) {
      try {
        opened.pop().close();
      } catch (Exception e) {
        LOG.warn("closing the coordinator: {}", e.toString());
      }
    }
  }
}
