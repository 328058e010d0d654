package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.coordinator.ComputeSettings;
import io.llada.deploy.bench.Figures;
import io.llada.deploy.bench.MachineSpeed;
import io.llada.deploy.local.LocalNodes;
import io.llada.deploy.offline.OfflineModel;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What all benchmarks of a model take.
final class BenchOptions {
  @Mixin
  private ModelOption model;

  @Option(names = "--expert-nodes", paramLabel = "N", defaultValue = "0", description = "Expert node processes; 0: "
      + "everything in this process. Default: ${DEFAULT-VALUE}.")
  private int expertNodes;

  @Option(names = "--node-threads", paramLabel = "N", description = "Computing threads of each expert node process. Default: "
      + "those of --threads shared evenly, at least 1 each; the coordinator's own rest while the nodes compute.")
  private Optional<Integer> nodeThreads = Optional.empty();

  @Option(names = "--warm-ups", paramLabel = "N", description = "Passes before the timed ones. Default: 100 for "
      + "generate, 5 for step (200 with expert nodes), 1 for prefill.")
  private Optional<Integer> warmUps = Optional.empty();

  @Option(names = "--passes", paramLabel = "N", description = "Timed passes; the median counts. Default: 30 for generate, "
      + "15 for step, 3 for prefill.")
  private Optional<Integer> passes = Optional.empty();

  @Mixin
  private JsonOption json;

  @Mixin
  private ClusterOptions cluster;

  OfflineModel.Settings settings() {
    return new OfflineModel.Settings(model.directory(), expertNodes(), nodeThreads(), cluster.compute(),
        cluster.device());
  }

  private int expertNodes() {
    return cluster.expertNodes(expertNodes);
  }

  private int nodeThreads() {
    return nodeThreads.orElseGet(() -> LocalNodes.threadsOfEach(cluster.threads(), expertNodes()));
  }

  boolean hasNodes() {
    return expertNodes() > 0;
  }

  int warmUps(int usual) {
    return warmUps.orElse(usual);
  }

  int passes(int usual) {
    return passes.orElse(usual);
  }

  /// Prints the figures and, where asked for, writes them with their conditions.
  ///
  /// @param root the JSON so far
  /// @param own conditions of this benchmark alone
  void report(ObjectNode root, Figures figures, MachineSpeed machine, ObjectNode own) throws IOException {
    System.out.printf(Locale.ROOT, "%.2f ms per step, %.0f tokens/s, %.2f tokens per forward, %.1f experts touched per"
        + " layer%n", figures.msPerStep(), figures.tokensPerSecond(), figures.tokensPerForward(),
        figures
            .expertsTouchedPerLayer());
    figures.msPerPart().forEach((part, ms) -> System.out.printf(Locale.ROOT, "  %-13s %9.3f ms%n", part, ms));
    System.out.printf(Locale.ROOT,
        "%s read per step, %.0f %% of the %.1f GB/s this machine reads; %.2f GFLOP per step, "
            + "%.0f %% of its %.0f GFLOP/s (integers %.0f); no step could take less than %.2f ms%n",
        InspectCommand.bytes(Math.round(figures.cost().bytes().sum())), 100 * figures.readFraction(machine), machine
            .readGBs(),
        figures.cost().operations().sum() / 1e9, 100 * figures.operationsFraction(machine), machine.gflops(),
        machine.integerGops(), figures
            .cost().rooflineMs(machine));
    Figures.Footprint footprint = figures.footprint();
    System.out.printf(Locale.ROOT, "loaded in %.1f s; at most %s resident, %.2f x the checkpoint's %s%n", footprint
        .loadSeconds(), InspectCommand.bytes(footprint.peakResidentBytes()),
        (double) footprint.peakResidentBytes()
            / footprint.checkpointBytes(),
        InspectCommand.bytes(footprint.checkpointBytes()));
    ComputeSettings compute = cluster.compute();
    json.write(() -> root.setAll(figures.json(machine)),
        conditions -> conditions.put("model", model.directory().toString())
            .put("expertNodes", expertNodes()).put("device", cluster.device()).put("wire", compute.activations().name())
            .put("kvCache", compute.caches().name()).put("kernels", compute.kernels().name())
            .put("threads", compute.threads()).put("nodeThreads", nodeThreads()).setAll(own));
  }
}
