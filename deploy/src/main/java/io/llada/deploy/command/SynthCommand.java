package io.llada.deploy.command;

import io.llada.deploy.failure.CommandFailedException;
import io.llada.deploy.synth.RoutingCheck;
import io.llada.deploy.synth.SyntheticCheckpoint;
import io.llada.deploy.synth.SyntheticShape;
import io.llada.model.kernel.ComputePool;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// Writes a checkpoint of random weights.
@Command(name = "synth", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Writes a checkpoint of random weights in a published shape, for measuring speed. It checks what it wrote: the",
    "experts that a block of 32 positions touches in each layer must be " + RoutingCheck.FEWEST + ".."
        + RoutingCheck.MOST + " of 256, as in a trained model."})
public final class SynthCommand implements Callable<Integer> {
  @Spec
  private CommandSpec spec;

  @Option(names = "--like", required = true, paramLabel = "SHAPE", description = "mini (16B, 20 layers), flash (100B, 32 "
      + "layers) or tiny (for tests, 3 layers).")
  private SyntheticShape.Like like;

  @Option(names = "--layers", paramLabel = "N", description = "Fewer or more layers, at least 2; the first one is dense. "
      + "Default: the shape's.")
  private Optional<Integer> layers = Optional.empty();

  @Option(names = "--seed", paramLabel = "S", defaultValue = "1", description = "The same seed gives the same bytes. "
      + "Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(names = "--format", paramLabel = "FORMAT", description = "Packed at once, as quantize would pack it: format of the "
      + "routed experts, int8, int4 or bf16. Default: not packed, safetensors in BF16.")
  private Optional<ExpertFormat> format = Optional.empty();

  @Mixin
  private DenseFormatOptions dense;

  @Parameters(paramLabel = "OUT", description = "Directory to write to: new, empty, or, packed, left by an interrupted run.")
  private Path out;

  @Override
  public Integer call() throws Exception {
    if (format.isEmpty() && dense.isGiven()) {
      throw new ParameterException(spec.commandLine(), "--dense and --head need --format");
    }
    SyntheticShape whole = SyntheticShape.of(like);
    SyntheticShape shape = layers.map(whole::withLayers).orElse(whole);
    try (ComputePool pool = ComputePool.ofAllCores()) {
      write(new SyntheticCheckpoint(shape, seed, pool));
      List<RoutingCheck.Touched> touched = RoutingCheck.run(out, seed, pool);
      touched.forEach(layer -> System.out.printf(
          "layer %d: experts touched by a block of random tokens %d, by a masked block %d%n", layer.layer(), layer
              .randomBlock(),
          layer.maskedBlock()));
      if (!touched.stream().allMatch(RoutingCheck.Touched::isHealthy)) {
        throw new CommandFailedException("the routing of %s is not healthy: expected %d..%d experts in every layer"
            .formatted(out, RoutingCheck.FEWEST, RoutingCheck.MOST));
      }
    }
    return 0;
  }

  private void write(SyntheticCheckpoint checkpoint) throws IOException {
    if (format.isPresent()) {
      checkpoint.pack(out, dense.with(format.get()), (file, files) -> System.err.printf("file %d of %d written%n", file,
          files));
    } else {
      checkpoint.write(out, (part, parts) -> System.err.printf("part %d of %d written%n", part, parts));
    }
  }
}
