package io.llada.deploy.offline;

import io.llada.coordinator.ComputeSettings;
import io.llada.coordinator.Coordinator;
import io.llada.coordinator.CoordinatorSettings;
import io.llada.coordinator.ExpertSource;
import io.llada.coordinator.denoising.ModelDescription;
import io.llada.coordinator.denoising.Scheduler;
import io.llada.coordinator.denoising.SchedulerLimits;
import io.llada.coordinator.dispatch.DispatchTimes;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.deploy.local.LocalNodes;
import io.llada.gateway.chat.PromptEncoder;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.layer.LayerProbe;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// A model without a server: its coordinator in this process, its experts here or on node processes beside it.
public final class OfflineModel implements AutoCloseable {
  private static final Duration COVER_TIMEOUT = Duration.ofMinutes(10);
  /// Offline work has no client that waits: everything is queued.
  private static final long UNBOUNDED_QUEUE = Long.MAX_VALUE / 2;

  private final Optional<LocalNodes> nodes;
  private final Coordinator coordinator;
  private final PromptEncoder encoder;

  /// How an offline model runs.
  ///
  /// @param model checkpoint directory
  /// @param expertNodes expert node processes; 0: experts in this process
  /// @param nodeThreads computing threads of each expert node
  /// @param compute how the model is computed
  /// @param device what the expert nodes compute on
  public record Settings(Path model, int expertNodes, int nodeThreads, ComputeSettings compute, String device) {
    public Settings {
      LocalNodes.requireCount(expertNodes);
      if (nodeThreads < 1) {
        throw new IllegalArgumentException("--node-threads must be at least 1, found " + nodeThreads);
      }
    }

    /// The most threads that compute at once: the coordinator's rest while those of its nodes work.
    public int threadsOfAll() {
      return Math.max(compute.threads(), expertNodes * nodeThreads);
    }
  }

  private OfflineModel(Optional<LocalNodes> nodes, Coordinator coordinator, PromptEncoder encoder) {
    this.nodes = nodes;
    this.coordinator = coordinator;
    this.encoder = encoder;
  }

  /// Loads the model and waits until its experts are ready.
  public static OfflineModel open(Settings settings, LayerProbe probe) throws IOException, InterruptedException {
    Checkpoint.open(settings.model()).close(); // a damaged checkpoint is told about once, not by every process
    PromptEncoder encoder = PromptEncoder.load(settings.model());
    Optional<LocalNodes> nodes = Optional.empty();
    Coordinator coordinator = null;
    try {
      nodes = settings.expertNodes() == 0
          ? Optional.empty()
          : Optional.of(LocalNodes.start(new LocalNodes.Template(
              settings.model(), settings.nodeThreads(), settings.compute().kernels(), Optional.empty(), settings
                  .device()),
              settings.expertNodes()));
      ExpertSource experts = nodes.<ExpertSource>map(started -> new ExpertSource.Nodes(started.endpoints())).orElse(
          new ExpertSource.Local());
      SchedulerLimits usual = SchedulerLimits.DEFAULTS;
      coordinator = Coordinator.open(new CoordinatorSettings("offline", settings.model(), experts, settings
          .compute(),
          new SchedulerLimits(usual.rowsPerForward(), usual.runningTokens(),
              UNBOUNDED_QUEUE, usual.idleProbe(), usual.expertPatience()),
          PlacementGoals.SINGLE),
          probe);
      if (!coordinator.awaitExperts(COVER_TIMEOUT)) {
        throw new CommandFailedException("the expert nodes did not load " + coordinator.cluster().missing()
            + " within " + COVER_TIMEOUT.toMinutes() + " minutes");
      }
      return new OfflineModel(nodes, coordinator, encoder);
    } catch (RuntimeException e) {
      if (coordinator != null) {
        coordinator.close();
      }
      nodes.ifPresent(LocalNodes::close);
      encoder.close();
      throw e;
    }
  }

  public Scheduler scheduler() {
    return coordinator.scheduler();
  }

  public ModelDescription description() {
    return coordinator.model();
  }

  /// Bytes of frames exchanged with the expert nodes so far.
  public long wireBytes() {
    return coordinator.cluster().nodes().stream().mapToLong(node -> node.work().traffic().wireBytes()).sum();
  }

  /// How long layers stood still for expert nodes, so far.
  public DispatchTimes dispatchTimes() {
    return coordinator.dispatchTimes();
  }

  /// Process ids of the expert nodes.
  public List<Long> nodePids() {
    return nodes.map(LocalNodes::pids).orElse(List.of());
  }

  public PromptEncoder encoder() {
    return encoder;
  }

  /// Text of an answer: up to the first token that ends it.
  public String text(int[] answer) {
    int end = 0;
    while (end < answer.length && !encoder.endTokens().contains(answer[end])) {
      end++;
    }
    return encoder.decode(Arrays.copyOf(answer, end));
  }

  @Override
  public void close() {
    coordinator.close();
    nodes.ifPresent(LocalNodes::close);
    encoder.close();
  }
}
