package io.llada.deploy.command;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.PackedEntry;
import io.llada.model.packed.PackedManifest;
import io.llada.model.packed.WeightFormats;
import io.llada.model.packing.CheckpointQuantiser;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Writes a packed copy of a checkpoint.
@Command(name = "quantize", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Packs a checkpoint into a directory of its own, with its experts in 8 or 4 bits a weight.",
    "Every command takes the result as --model. It is smaller, is loaded without converting anything, and carries a checksum for "
        + "every file. The original is not changed."}, footer = {"", "Formats (bits a weight, scales included):",
            "  bf16  16    as published",
            "  int8   8.5  groups of 32 weights share a scale; hardly any loss",
            "  int4   4.5  likewise, half the memory traffic again; a small loss",
            "Embedding, router and norms are never quantised.", "",
            "Interrupted? Run the same command again: finished files are checked and kept.", "",
            "  llada quantize --format int8 DIR DIR-int8",
            "  llada quantize --format int4 --dense int8 DIR DIR-int4",
            "  llada eval --model DIR-int4        what the format costs"})
public final class QuantizeCommand implements Callable<Integer> {
  @Option(names = "--format", required = true, paramLabel = "FORMAT", description = "Format of the routed experts: int8, "
      + "int4, or bf16 (packed only).")
  private ExpertFormat format;

  @Mixin
  private DenseFormatOptions dense;

  @Option(names = "--threads", paramLabel = "N", description = "Computing threads. Default: all cores.")
  private Optional<Integer> threads = Optional.empty();

  @Parameters(index = "0", paramLabel = "DIR", description = "Checkpoint directory with safetensors.")
  private Path source;

  @Parameters(index = "1", paramLabel = "OUT", description = "Directory to write: new, empty, or left by an interrupted "
      + "run.")
  private Path target;

  @Override
  public Integer call() {
    WeightFormats formats = dense.with(format);
    try (Checkpoint checkpoint = Checkpoint.open(source);
        ComputePool pool = threads.map(ComputePool::new).orElseGet(ComputePool::ofAllCores)) {
      if (checkpoint.config().moe().isEmpty() && !formats.dense().isQuantised() && !formats.head().isQuantised()
          && formats.experts().isQuantised()) {
        throw new IllegalArgumentException("%s: a dense model has no experts for --format; add --dense int8".formatted(
            source));
      }
      PackedManifest manifest = pack(checkpoint, formats, pool);
      report(checkpoint, manifest);
    }
    return 0;
  }

  private PackedManifest pack(Checkpoint checkpoint, WeightFormats formats, ComputePool pool) {
    try (
        ProgressBar bar = new ProgressBarBuilder().setTaskName("quantize").setInitialMax(checkpoint.packedPlan().files()
            .size()).setStyle(ProgressBarStyle.ASCII).build()) {
      return new CheckpointQuantiser(checkpoint, formats, pool, (file, bytes, isKept) -> {
        bar.setExtraMessage((isKept ? "kept " : "") + file);
        bar.step();
      }).pack(target);
    }
  }

  private void report(Checkpoint checkpoint, PackedManifest manifest) {
    System.out.printf("%-8s %10s  %s%n", "before", InspectCommand.bytes(checkpoint.bytes()), source);
    System.out.printf("%-8s %10s  %s, %.0f %% of it%n", "after", InspectCommand.bytes(manifest.bytes()), target, 100.0
        * manifest.bytes() / checkpoint.bytes());
    List<PackedEntry> unquantised = manifest.files().stream().flatMap(file -> file.entries().stream()).filter(
        entry -> entry.columns() % WeightFormat.GROUP != 0 && entry.rows() > 1).toList();
    if (!unquantised.isEmpty()) {
      System.out.printf(
          "note: %d matrices are not quantised, their columns are no multiple of %d; the first is %s with %d"
              + "%n",
          unquantised.size(), WeightFormat.GROUP, unquantised.getFirst().name(), unquantised.getFirst()
              .columns());
    }
  }
}
