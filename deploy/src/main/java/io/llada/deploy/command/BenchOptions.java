package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.bench.Conditions;
import io.llada.deploy.bench.Figures;
import io.llada.deploy.bench.MachineSpeed;
import io.llada.deploy.offline.JsonLines;
import io.llada.deploy.offline.OfflineModel;
import java.io.IOException;
import java.nio.file.Path;
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

  @Option(names = "--warm-ups", paramLabel = "N", description = "Passes before the timed ones. Default: 100 for "
      + "generate, 5 for step, 1 for prefill.")
  private Optional<Integer> warmUps = Optional.empty();

  @Option(names = "--passes", paramLabel = "N", description = "Timed passes; the median counts. Default: 30 for generate, "
      + "15 for step, 3 for prefill.")
  private Optional<Integer> passes = Optional.empty();

  @Option(names = "--json", paramLabel = "FILE", description = "Figures and conditions as JSON.")
  private Optional<Path> json = Optional.empty();

  @Mixin
  private ClusterOptions cluster;

  OfflineModel.Settings settings() {
    return new OfflineModel.Settings(model.directory(), expertNodes, cluster.threads(), cluster.compute());
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
            + "%.0f %% of its %.0f GFLOP/s%n",
        InspectCommand.bytes(figures.bytesReadPerStep()), 100 * figures.readFraction(
            machine),
        machine.readGBs(), figures.operationsPerStep() / 1e9, figures.operationsPerStep() / figures
            .msPerStep() / 1e4 / machine.gflops(),
        machine.gflops());
    if (json.isPresent()) {
      ObjectNode conditions = Conditions.read();
      conditions.put("model", model.directory().toString()).put("expertNodes", expertNodes).put("wire", cluster.wire()
          .name()).put("kvCache", cluster.caches().name()).put("threads", cluster.threads()).setAll(own);
      root.setAll(figures.json(machine));
      root.set("conditions", conditions);
      JsonLines.JSON.writerWithDefaultPrettyPrinter().writeValue(json.get().toFile(), root);
    }
  }
}
