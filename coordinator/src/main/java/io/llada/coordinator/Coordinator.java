package io.llada.coordinator;

import io.grpc.InsecureChannelCredentials;
import io.llada.cluster.HazelcastRegistry;
import io.llada.cluster.LeaseTracker;
import io.llada.cluster.Registry;
import io.llada.coordinator.denoising.Denoiser;
import io.llada.coordinator.denoising.ModelDescription;
import io.llada.coordinator.denoising.Scheduler;
import io.llada.coordinator.denoising.WeightBytes;
import io.llada.coordinator.dispatch.DispatchSettings;
import io.llada.coordinator.dispatch.DispatchTimes;
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
import io.llada.model.layer.KvCache;
import io.llada.model.layer.LanguageModelHead;
import io.llada.model.layer.LayerProbe;
import io.llada.model.layer.Transformer;
import io.llada.model.layer.TransformerWeights;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// Everything of a coordinator but its server: weights, experts, denoising loop. Used by the server and, in one
/// process, by offline generation.
public final class Coordinator implements AutoCloseable {
  private final OpenedResources opened = new OpenedResources();
  private final ModelDescription model;
  private final Scheduler scheduler;
  private final Optional<ExpertCluster> nodes;
  private final Optional<Registry> registry;
  private final Optional<LeaseTracker> leases;

  private Coordinator(CoordinatorSettings settings, LayerProbe probe) {
    try {
      Checkpoint checkpoint = opened.keep(Checkpoint.open(settings.model()));
      Kernels kernels = settings.compute().kernels().open();
      ComputePool pool = opened.keep(new ComputePool(settings.compute().threads()));
      boolean isLocal = settings.experts() instanceof ExpertSource.Local || checkpoint.config().moe().isEmpty();
      registry = settings.experts() instanceof ExpertSource.Registered registered
          ? Optional.of(opened.keep(
              (Registry) HazelcastRegistry.open(registered.registry())))
          : Optional.empty();
      leases = registry.map(known -> opened.keep(new LeaseTracker(known, System::nanoTime)));
      leases.ifPresent(LeaseTracker::start);
      nodes = isLocal ? Optional.empty() : Optional.of(opened.keep(cluster(settings, checkpoint, kernels)));
      nodes.ifPresent(ExpertCluster::start); // nodes load while this process does
      TransformerWeights weights = opened.keep(TransformerWeights.load(checkpoint, checkpoint.weights(), pool));
      model = new ModelDescription(name(checkpoint), checkpoint.config(), checkpoint.digest(), checkpoint.bytes(),
          GenerationDefaults.read(
              checkpoint.directory(), checkpoint.config()),
          WeightBytes.of(checkpoint, weights), shardBytes(checkpoint),
          kernels.numericsClass());
      Experts experts = nodes.map(ExpertCluster::experts).orElseGet(() -> LocalExperts.load(checkpoint, settings
          .compute().activations(), kernels, pool));
      scheduler = opened.keep(new Scheduler(new Denoiser(new Transformer(weights, experts, kernels, pool),
          new LanguageModelHead(weights, kernels, pool), settings.compute().caches(), probe),
          settings.limits().within(Runtime.getRuntime().maxMemory(),
              KvCache.bytesPerPosition(checkpoint.config(), settings.compute().caches()))));
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
      case ExpertSource.Registered _ -> NodeDirectory.of(leases.orElseThrow());
      case ExpertSource.Local _ -> NodeDirectory.of(List.of());
    };
    return new ExpertCluster(expected, DispatchSettings.of(settings.id(), settings.compute().activations()),
        PlacementSettings.of(
            settings.id(), settings.goals()),
        directory, InsecureChannelCredentials.create(), registry);
  }

  private static long shardBytes(Checkpoint checkpoint) {
    return checkpoint.config().moe().isPresent() ? new ExpertShardLoader(checkpoint).shardBytes() : 0;
  }

  private static String name(Checkpoint checkpoint) {
    return checkpoint.directory().toAbsolutePath().normalize().getFileName().toString();
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

  /// How long layers stood still for expert nodes, so far.
  public DispatchTimes dispatchTimes() {
    return nodes.map(ExpertCluster::times).orElse(DispatchTimes.NONE);
  }

  public ClusterView cluster() {
    return nodes.map(cluster -> ClusterView.of(cluster.placement(), leases,
        () -> new ClusterView.Repeats(cluster.hedges(), cluster.failovers()))).orElse(ClusterView.local());
  }

  @Override
  public void close() {
    opened.close();
  }
}
