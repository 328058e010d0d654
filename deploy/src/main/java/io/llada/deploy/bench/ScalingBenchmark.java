package io.llada.deploy.bench;

import io.llada.coordinator.placement.PlacementGoals;
import io.llada.deploy.offline.OfflineModel;
import io.llada.model.checkpoint.Checkpoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;

/// One denoising step on one expert node, then on more of them, each no faster than a given rate. So it is the nodes that
/// limit a step, as on machines of their own, and not the processor that all of them share here: what is measured is
/// what dispatch, wire and unequal groups leave of the nodes' sum.
public final class ScalingBenchmark {
  private final Workload workload;

  /// @param batch sequences side by side
  /// @param pairsPerSecond of each node
  /// @param replicas nodes that hold each shard, as far as there are nodes
  /// @param tokensPerFrame a layer with more rows is sent in several frames
  /// @param warmUps passes before the timed ones
  /// @param passes timed passes
  public record Workload(int batch, double pairsPerSecond, int replicas, int tokensPerFrame, int warmUps, int passes) {}

  /// What was measured with some nodes.
  ///
  /// @param ofLinear tokens per second beside the first row's, in parts of what that many times the nodes would make
  /// @param losses why that is less than 1
  public record Row(int nodes, double msPerStep, double tokensPerSecond, double ofLinear, Losses losses) {}

  /// What a step takes beside an even share of the nodes' work.
  ///
  /// @param busiest pairs of the busiest node of a layer beside an even share, mean over layers by their pairs
  /// @param coordinatorMs of a step, all that is neither of the others
  /// @param transportMs of a step, standing still while rows and sums are on their way
  /// @param waitMs of a step, standing still while the slowest node of a layer works
  public record Losses(double busiest, double coordinatorMs, double transportMs, double waitMs) {
    private static Losses of(ForwardBenchmark.Result result, int nodes) {
      Figures figures = result.figures();
      double transport = figures.msPerPart().get("transport");
      double wait = figures.msPerPart().get("wait");
      return new Losses(result.spread().besideEven(nodes), figures.msPerStep() - transport - wait, transport, wait);
    }
  }

  public ScalingBenchmark(Workload workload) {
    this.workload = workload;
  }

  /// @param settings how the model runs on a number of expert nodes
  /// @param counts of expert nodes, the first one is what the others are compared with
  public List<Row> run(IntFunction<OfflineModel.Settings> settings, List<Integer> counts) throws InterruptedException {
    List<Row> rows = new ArrayList<>();
    for (int count : counts) {
      OfflineModel.Settings those = settings.apply(count);
      BenchedModel.Nodes nodes = new BenchedModel.Nodes(PlacementGoals.of(workload.replicas()),
          workload.tokensPerFrame(), Optional.of(workload.pairsPerSecond()));
      ForwardBenchmark.Result result = new ForwardBenchmark(those, nodes, workload.warmUps(), workload.passes())
          .step(workload.batch(), blockLength(those), blockLength(those));
      Figures figures = result.figures();
      double first = rows.isEmpty() ? figures.tokensPerSecond() : rows.getFirst().tokensPerSecond();
      int firstNodes = counts.getFirst();
      rows.add(new Row(count, figures.msPerStep(), figures.tokensPerSecond(),
          figures.tokensPerSecond() / first * firstNodes / count, Losses.of(result, count)));
    }
    return rows;
  }

  private static int blockLength(OfflineModel.Settings settings) {
    try (Checkpoint checkpoint = Checkpoint.open(settings.model())) {
      return checkpoint.config().blockLength();
    }
  }
}
