package io.llada.deploy.bench;

import io.grpc.InsecureChannelCredentials;
import io.llada.coordinator.OpenedResources;
import io.llada.coordinator.dispatch.DispatchSettings;
import io.llada.coordinator.dispatch.ExpertCluster;
import io.llada.coordinator.placement.ExpertModel;
import io.llada.coordinator.placement.NodeDirectory;
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
import java.time.Duration;
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
  private final long shardBytes;
  private final Optional<LocalNodes> nodes;

  /// Loads the model and waits until its experts are ready.
  BenchedModel(OfflineModel.Settings settings) throws InterruptedException {
    try {
      Checkpoint checkpoint = opened.keep(Checkpoint.open(settings.model()));
      kernels = settings.compute().kernels().open();
      pool = opened.keep(new ComputePool(settings.compute().threads()));
      weights = opened.keep(TransformerWeights.load(checkpoint));
      boolean hasExperts = checkpoint.config().moe().isPresent();
      shardBytes = hasExperts ? new ExpertShardLoader(checkpoint).shardBytes() : 0;
      nodes = settings.expertNodes() == 0 || !hasExperts
          ? Optional.empty()
          : Optional.of(opened
              .keep(LocalNodes
                  .start(new LocalNodes.Template(settings.model(), settings.nodeThreads(), settings.compute().kernels(),
                      Optional.empty()), settings.expertNodes())));
      Experts experts = nodes.isEmpty()
          ? LocalExperts.load(checkpoint, settings.compute().activations(), kernels, pool)
          : remote(settings, checkpoint, kernels, nodes.get());
      transformer = new Transformer(weights, experts, kernels, pool);
      head = new LanguageModelHead(weights, kernels, pool);
    } catch (RuntimeException | InterruptedException e) {
      close();
      throw e;
    }
  }

  private Experts remote(OfflineModel.Settings settings, Checkpoint checkpoint, Kernels kernels, LocalNodes started)
      throws InterruptedException {
    ExpertModel expected = ExpertModel.of(checkpoint.config(), checkpoint.digest(), kernels.numericsClass(),
        shardBytes);
    ExpertCluster cluster = opened.keep(new ExpertCluster(expected, DispatchSettings.of("bench", settings
        .compute().activations()), PlacementSettings.of("bench"), NodeDirectory.of(started.endpoints()),
        InsecureChannelCredentials.create(), Optional.empty()));
    cluster.start();
    if (!cluster.placement().awaitCovered(COVER_TIMEOUT)) {
      throw new CommandFailedException("the expert nodes did not load the experts within " + COVER_TIMEOUT.toMinutes()
          + " minutes");
    }
    return cluster.experts();
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

  /// Weights held here, with or without the LM head.
  long weightBytes(boolean withHead) {
    return withHead ? weights.bytes() : weights.bytes() - weights.head().bytes();
  }

  long shardBytes() {
    return shardBytes;
  }

  boolean hasNodes() {
    return nodes.isPresent();
  }

  List<Long> nodePids() {
    return nodes.map(LocalNodes::pids).orElse(List.of());
  }

  @Override
  public void close() {
    opened.close();
  }
}
