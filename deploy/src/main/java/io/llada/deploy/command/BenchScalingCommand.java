package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.coordinator.dispatch.DispatchSettings;
import io.llada.deploy.bench.ScalingBenchmark;
import io.llada.deploy.offline.JsonLines;
import io.llada.deploy.offline.OfflineModel;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Times a step on more and more expert nodes.
@Command(name = "scaling", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "One denoising step on one expert node and on more. Nodes here share one processor, so each computes no faster than",
    "a given rate: what is shown is what dispatch and wire leave of the nodes' sum, not what this machine can do."})
final class BenchScalingCommand implements Callable<Integer> {
  @Mixin
  private ModelOption model;

  @Option(names = "--nodes", paramLabel = "N", split = ",", defaultValue = "1,2,4", description = "Numbers of expert node "
      + "processes. Default: ${DEFAULT-VALUE}.")
  private List<Integer> nodes;

  @Option(names = "--pairs-per-second", paramLabel = "R", defaultValue = "2500", description = "Pairs of a token and an "
      + "expert that each node computes in a second. Default: ${DEFAULT-VALUE}.")
  private double pairsPerSecond;

  @Option(names = "--batch", paramLabel = "B", defaultValue = "8", description = "Sequences side by side. Default: "
      + "${DEFAULT-VALUE}.")
  private int batch;

  @Option(names = "--replicas", paramLabel = "N", defaultValue = "2", description = "Expert nodes that hold each expert "
      + "shard, as far as there are nodes. Default: ${DEFAULT-VALUE}.")
  private int replicas;

  @Option(names = "--frame-tokens", paramLabel = "N", defaultValue = ""
      + DispatchSettings.DEFAULT_MAX_TOKENS_PER_FRAME, description = "Rows of a frame at most. "
          + "Default: ${DEFAULT-VALUE}.")
  private int frameTokens;

  @Option(names = "--warm-ups", paramLabel = "N", defaultValue = "5", description = "Passes before the timed ones. "
      + "Default: ${DEFAULT-VALUE}.")
  private int warmUps;

  @Option(names = "--passes", paramLabel = "N", defaultValue = "9", description = "Timed passes; the median counts. "
      + "Default: ${DEFAULT-VALUE}.")
  private int passes;

  @Mixin
  private JsonOption json;

  @Mixin
  private ClusterOptions cluster;

  @Override
  public Integer call() throws Exception {
    List<ScalingBenchmark.Row> rows = new ScalingBenchmark(
        new ScalingBenchmark.Workload(batch, pairsPerSecond, replicas, frameTokens, warmUps, passes))
        .run(count -> new OfflineModel.Settings(model.directory(), count, 1, cluster.compute(), cluster.device()),
            nodes);
    ObjectNode root = JsonLines.JSON.createObjectNode().put("benchmark", "scaling");
    ArrayNode list = root.putArray("rows");
    for (ScalingBenchmark.Row row : rows) {
      System.out.printf(Locale.ROOT,
          "%2d nodes %9.2f ms per step %9.0f tokens/s %6.1f %% of linear; the busiest node of a "
              + "layer has %.2f of an even share; coordinator %.2f ms, transport %.2f ms, nodes %.2f ms%n",
          row.nodes(),
          row.msPerStep(), row.tokensPerSecond(), 100 * row.ofLinear(), row.losses().busiest(),
          row.losses().coordinatorMs(), row.losses().transportMs(), row.losses().waitMs());
      list.addObject().put("nodes", row.nodes()).put("msPerStep", row.msPerStep())
          .put("tokensPerSecond", row.tokensPerSecond()).put("ofLinear", row.ofLinear())
          .put("busiestNode", row.losses().busiest()).put("coordinatorMs", row.losses().coordinatorMs())
          .put("transportMs", row.losses().transportMs()).put("waitMs", row.losses().waitMs());
    }
    json.write(() -> root, conditions -> conditions.put("model", model.directory().toString()).put("batch", batch)
        .put("pairsPerSecond", pairsPerSecond).put("replicas", replicas).put("frameTokens", frameTokens)
        .put("warmUps", warmUps).put("passes", passes));
    return 0;
  }
}
