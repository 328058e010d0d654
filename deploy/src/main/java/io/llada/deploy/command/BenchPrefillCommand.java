package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.bench.ForwardBenchmark;
import io.llada.deploy.offline.JsonLines;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Times the prefill of a prompt.
@Command(name = "prefill", mixinStandardHelpOptions = true, sortOptions = false, description = "The prefill of one prompt, "
    + "in forward passes of at most 512 rows, without LM head.")
final class BenchPrefillCommand implements Callable<Integer> {
  private static final int WARM_UPS = 1;
  private static final int PASSES = 3;

  @Mixin
  private BenchOptions options;

  @Option(names = "--tokens", paramLabel = "N", defaultValue = "2048", description = "Length of the prompt. Default: "
      + "${DEFAULT-VALUE}.")
  private int tokens;

  @Override
  public Integer call() throws Exception {
    int warmUps = options.warmUps(WARM_UPS);
    int passes = options.passes(PASSES);
    ForwardBenchmark.Result result = new ForwardBenchmark(options.settings(), warmUps, passes).prefill(tokens);
    ObjectNode own = JsonLines.JSON.createObjectNode().put("promptTokens", tokens).put("warmUps", warmUps).put("passes",
        passes);
    options.report(JsonLines.JSON.createObjectNode().put("benchmark", "prefill"), result.figures(), result.machine(),
        own);
    return 0;
  }
}
