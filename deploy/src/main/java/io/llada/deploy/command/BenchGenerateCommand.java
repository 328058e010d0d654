package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.bench.GenerateBenchmark;
import io.llada.deploy.offline.JsonLines;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Times whole answers.
@Command(name = "generate", mixinStandardHelpOptions = true, sortOptions = false, description = "Whole answers, several at a "
    + "time, through the scheduler.")
final class BenchGenerateCommand implements Callable<Integer> {
  private static final int WARM_UPS = 100;
  private static final int PASSES = 30;

  @Mixin
  private BenchOptions options;

  @Option(names = "--batch", paramLabel = "B", defaultValue = "1", description = "Requests side by side. Default: "
      + "${DEFAULT-VALUE}.")
  private int batch;

  @Option(names = "--prompt", paramLabel = "TEXT", defaultValue = "Tell me a story about Anna and a fox.", description = "What "
      + "every request asks. Default: ${DEFAULT-VALUE}")
  private String prompt;

  @Mixin
  private DiffusionOptions diffusion;

  @Override
  public Integer call() throws Exception {
    int warmUps = options.warmUps(WARM_UPS);
    int passes = options.passes(PASSES);
    GenerateBenchmark.Result result = new GenerateBenchmark(new GenerateBenchmark.Workload(options.settings(), prompt,
        batch, warmUps, passes)).run(diffusion::over);
    ObjectNode root = JsonLines.JSON.createObjectNode().put("benchmark", "generate").put("forwardsPerPass", result
        .forwardsPerPass()).put("wireBytesPerStep", result.wireBytesPerStep());
    ObjectNode own = JsonLines.JSON.createObjectNode().put("batch", batch).put("warmUps", warmUps).put("passes", passes)
        .put("prompt", prompt).put("settings", result.settings().toString());
    options.report(root, result.figures(), result.machine(), own);
    return 0;
  }
}
