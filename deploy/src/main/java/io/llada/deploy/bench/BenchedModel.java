package io.llada.deploy.bench;

import io.grpc.InsecureChannelCredentials;
import io.llada.coordinator.OpenedResources;
import io.llada.coordinator.denoising.WeightBytes;
import io.llada.coordinator.dispatch.DispatchSettings;
import io.llada.coordinator.dispatch.DispatchTimes;
import io.llada.coordinator.dispatch.ExpertCluster;
import io.llada.coordinator.dispatch.PairSpread;
import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.NodeDirectory;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.coordinator.placement.PlacementSettings;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.deploy.local.LocalNodes;
import io.llada.deploy.offline.OfflineModel;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.experts.Experts;
import io.llada.model.experts.LocalExperts;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.layer.LanguageModelHead;
import io.llada.model.layer.Transformer;
import io.llada.model.layer.TransformerWeights;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.WeightRole;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.List;
import java.util.Optional;

/// A model's parts without the scheduler, so that a benchmark decides what goes into a forward pass and nothing else
/// runs beside it.
final class BenchedModel implements AutoCloseable {
  private static final Duration COVER_TIMEOUT = Duration.ofMinutes(10);

  private final OpenedResources opened = new OpenedResources();
  private final TransformerWeights weights;
  private final Transformer transformer;
  private final LanguageModelHead head;
  private final Kernels kernels;
  private final ComputePool pool;
  private final WeightBytes weightBytes;
  private final long shardBytes;
  private final long checkpointBytes;
  private final Map<WeightRole, Set<WeightFormat>> formats;
  private final double loadSeconds;
  private final Optional<LocalNodes> nodes;
  private final Optional<ExpertCluster> cluster;

  /// What is special about the expert nodes.
  ///
  /// @param goals on how many of them each shard is
  /// @param tokensPerFrame a layer with more rows is sent in several frames
  /// @param pairsPerSecond how fast each computes at most; empty: as fast as it can
  record Nodes(PlacementGoals goals, int tokensPerFrame, Optional<Double> pairsPerSecond) {
    /// Nothing.
    static final Nodes USUAL = new Nodes(PlacementGoals.SINGLE, DispatchSettings.DEFAULT_MAX_TOKENS_PER_FRAME,
        Optional.empty());
  }

  /// Loads the model and waits until its experts are ready.
  BenchedModel(OfflineModel.Settings settings, Nodes special) throws InterruptedException {
    long loading = System.nanoTime();
    try {
      Checkpoint checkpoint = opened.keep(Checkpoint.open(settings.model()));
      kernels = settings.compute().kernels().open();
      pool = opened.keep(new ComputePool(settings.compute().threads()));
      checkpointBytes = checkpoint.bytes();
      formats = checkpoint.formats();
      boolean hasExperts = checkpoint.config().moe().isPresent();
      shardBytes = hasExperts ? new ExpertShardLoader(checkpoint).shardBytes() : 0;
      nodes = settings.expertNodes() == 0 || !hasExperts
          ? Optional.empty()
          : Optional.of(opened.keep(LocalNodes.start(new LocalNodes.Template(settings.model(), settings.nodeThreads(),
              settings.compute().kernels(), Optional.empty(), settings.device(), special.pairsPerSecond()),
              settings.expertNodes())));
      cluster = nodes.map(started -> cluster(settings, special, checkpoint, started));
      cluster.ifPresent(ExpertCluster::start); // nodes load while this process does
      weights = opened.keep(TransformerWeights.load(checkpoint, checkpoint.weights(), pool));
      weightBytes = WeightBytes.of(checkpoint, weights);
      if (cluster.isPresent()) {
        awaitReplicated(cluster.get());
      }
      Experts experts = cluster.map(ExpertCluster::experts).orElseGet(() -> LocalExperts.load(checkpoint, settings
          .compute().activations(), kernels, pool));
      transformer = new Transformer(weights, experts, kernels, pool);
      head = new LanguageModelHead(weights, kernels, pool);
      loadSeconds = (System.nanoTime() - loading) / 1e9;
    } catch (RuntimeException | InterruptedException e) {
      close();
      throw e;
    }
  }

  private ExpertCluster cluster(OfflineModel.Settings settings, Nodes special, Checkpoint checkpoint,
      LocalNodes started) {
    ExpertModel expected = ExpertModel.of(checkpoint.config(), checkpoint.digest(), kernels.numericsClass(),
        shardBytes);
    DispatchSettings dispatch = DispatchSettings.of("bench", settings.compute().activations())
        .withTokensPerFrame(special.tokensPerFrame());
    return opened.keep(new ExpertCluster(expected, dispatch, PlacementSettings.of("bench", special.goals()),
        NodeDirectory.of(started.endpoints()),
        InsecureChannelCredentials.create(), Optional.empty()));
  }

  private static void awaitReplicated(ExpertCluster cluster) throws InterruptedException {
    if (!cluster.placement().awaitReplicated(COVER_TIMEOUT)) {
      throw new CommandFailedException("the expert nodes did not load the experts within " + COVER_TIMEOUT.toMinutes()
          + " minutes");
    }
  }

  ModelConfig config() {
    return weights.config();
  }

  Transformer transformer() {
    return transformer;
  }

  LanguageModelHead head() {
    return head;
  }

  Kernels kernels() {
    return kernels;
  }

  ComputePool pool() {
    return pool;
  }

  /// Weights held here that a pass reads, with or without the LM head.
  WeightBytes weightBytes(boolean withHead) {
    return withHead ? weightBytes : new WeightBytes(weightBytes.dense(), weightBytes.routers(), 0);
  }

  /// How long layers stood still for expert nodes, so far.
  DispatchTimes dispatchTimes() {
    return cluster.map(ExpertCluster::times).orElse(DispatchTimes.NONE);
  }

  /// How evenly layers were divided among expert nodes, so far.
  PairSpread spread() {
    return cluster.map(ExpertCluster::spread).orElse(PairSpread.NONE);
  }

  /// Time and memory up to now.
  Figures.Footprint footprint() {
    return new Figures.Footprint(loadSeconds, checkpointBytes, ProcessMemory.peakResidentBytes(nodes.map(
        LocalNodes::pids).orElse(List.of())));
  }

  /// Number formats of the weights.
  Map<WeightRole, Set<WeightFormat>> formats() {
    return formats;
  }

  long shardBytes() {
    return shardBytes;
  }

  boolean hasNodes() {
    return nodes.isPresent();
  }

  @Override
  public void close() {
    opened.close();
  }
}
