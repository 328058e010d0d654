package io.llada.deploy.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.bench.ForwardBenchmark;
import io.llada.deploy.offline.JsonLines;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Times one denoising step.
@Command(name = "step", mixinStandardHelpOptions = true, sortOptions = false, description = "One denoising step: a forward "
    + "pass of a block per sequence behind a cached context, masked positions predicted.")
final class BenchStepCommand implements Callable<Integer> {
  private static final int WARM_UPS = 5;
  /// Until the compilers of all processes rest, which on few cores take as much of them as the nodes.
  private static final int WARM_UPS_WITH_NODES = 200;
  private static final int PASSES = 15;

  @Mixin
  private BenchOptions options;

  @Option(names = "--batch", paramLabel = "B", defaultValue = "1", description = "Sequences side by side. Default: "
      + "${DEFAULT-VALUE}.")
  private int batch;

  @Option(names = "--masked", paramLabel = "M", defaultValue = "32", description = "Masked positions of each block. "
      + "Default: ${DEFAULT-VALUE}.")
  private int masked;

  @Option(names = "--context", paramLabel = "N", defaultValue = "128", description = "Cached positions of each sequence. "
      + "Default: ${DEFAULT-VALUE}.")
  private int context;

  @Override
  public Integer call() throws Exception {
    int warmUps = options.warmUps(options.hasNodes() ? WARM_UPS_WITH_NODES : WARM_UPS);
    int passes = options.passes(PASSES);
    ForwardBenchmark.Result result = new ForwardBenchmark(options.settings(), warmUps, passes).step(batch, masked,
        context);
    ObjectNode own = JsonLines.JSON.createObjectNode().put("batch", batch).put("masked", masked).put("context", context)
        .put("warmUps", warmUps).put("passes", passes);
    options.report(JsonLines.JSON.createObjectNode().put("benchmark", "step"), result.figures(), result.machine(), own);
    return 0;
  }
}
