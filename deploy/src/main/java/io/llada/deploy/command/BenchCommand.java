package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.bench.Conditions;
import io.llada.deploy.bench.GenerateBenchmark;
import io.llada.deploy.bench.ProcessMemory;
import io.llada.deploy.offline.JsonLines;
import io.llada.deploy.offline.OfflineModel;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Measures, and says under which conditions.
@Command(name = "bench", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Measures generation on this machine: time per denoising step, tokens per second, bytes read and sent.",
    "Expert nodes share this machine's cores with the coordinator: figures with nodes show the price of the wire."})
public final class BenchCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Parameters(paramLabel = "WHAT", description = "generate: whole answers.")
  private String what;

  @Mixin
  private ModelOption model;

  @Option(names = "--expert-nodes", paramLabel = "N", defaultValue = "0", description = "Expert node processes; 0: "
      + "everything in this process. Default: ${DEFAULT-VALUE}.")
  private int expertNodes;

  @Option(names = "--batch", paramLabel = "B", defaultValue = "1", description = "Requests side by side. Default: "
      + "${DEFAULT-VALUE}.")
  private int batch;

  @Option(names = "--prompt", paramLabel = "TEXT", defaultValue = "Tell me a story about Anna and a fox.", description = "What "
      + "every request asks. Default: ${DEFAULT-VALUE}")
  private String prompt;

  @Option(names = "--warm-ups", paramLabel = "N", defaultValue = "100", description = "Passes before the timed ones. "
      + "Default: ${DEFAULT-VALUE}.")
  private int warmUps;

  @Option(names = "--passes", paramLabel = "N", defaultValue = "30", description = "Timed passes; the median counts. "
      + "Default: ${DEFAULT-VALUE}.")
  private int passes;

  @Option(names = "--json", paramLabel = "FILE", description = "Figures and conditions as JSON.")
  private Optional<Path> json = Optional.empty();

  @Mixin
  private ClusterOptions cluster;

  @Mixin
  private DiffusionOptions diffusion;

  @Override
  public Integer call() throws Exception {
    if (!what.equals("generate")) {
      throw new ParameterException(spec.commandLine(), "'" + what + "' cannot be measured; known: generate");
    }
    OfflineModel.Settings settings = new OfflineModel.Settings(model.directory(), expertNodes, cluster.wire(), cluster
        .threads());
    GenerateBenchmark.Result result = new GenerateBenchmark(new GenerateBenchmark.Workload(settings, prompt, batch,
        warmUps, passes)).run(diffusion::over);
    System.out.printf(Locale.ROOT, "%.2f ms per step, %.0f tokens/s, %.2f tokens per forward, %.1f experts touched per"
        + " layer, %s read and %s on the wire per step%n", result.msPerStep(), result.tokensPerSecond(),
        result
            .tokensPerForward(),
        result.expertsTouchedPerLayer(), InspectCommand.bytes(result.bytesReadPerStep()),
        InspectCommand.bytes(result.wireBytesPerStep()));
    if (json.isPresent()) {
      JsonLines.JSON.writerWithDefaultPrettyPrinter().writeValue(json.get().toFile(), json(result));
    }
    return 0;
  }

  private ObjectNode json(GenerateBenchmark.Result result) {
    ObjectNode root = JsonLines.JSON.createObjectNode().put("benchmark", what).put("msPerStep", result.msPerStep()).put(
        "tokensPerSecond", result.tokensPerSecond()).put("tokensPerForward", result.tokensPerForward()).put(
            "forwardsPerPass", result.forwardsPerPass())
        .put("expertsTouchedPerLayer", result.expertsTouchedPerLayer()).put(
            "bytesReadPerStep", result.bytesReadPerStep())
        .put("wireBytesPerStep", result.wireBytesPerStep()).put(
            "peakResidentBytes", ProcessMemory.peakResidentBytes());
    ObjectNode conditions = Conditions.read();
    conditions.put("model", model.directory().toString()).put("expertNodes", expertNodes).put("batch", batch)
        .put("wire",
            cluster.wire().name())
        .put("threads", cluster.threads()).put("warmUps", warmUps).put("passes", passes).put(
            "prompt", prompt)
        .put("settings", result.settings().toString());
    root.set("conditions", conditions);
    return root;
  }
}
