package io.llada.deploy.bench;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.experts.ExpertFeedForward;
import io.llada.model.experts.ExpertShard;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/// One MoE layer of a published shape, 8 of 256 random experts per token, on one thread, as a forward pass computes it:
/// rounding, picking rows, experts, sums. Beside the limits of the same thread, measured in turn with it; the best of some
/// repetitions counts for both.
public final class LayerBenchmark {
  /// Weights of a case.
  private static final long MOST_BYTES = 1L << 30;
  /// A limit measured as rarely as a layer would lose to it on a busy machine.
  private static final int LIMITS_PER_REPETITION = 2;

  private final Kernels kernels;
  private final int repetitions;
  private final int[] tokens;

  /// One case.
  ///
  /// @param shape whose experts
  /// @param format of the weights
  /// @param tokens rows of the batch
  /// @param touched distinct experts that the batch uses
  /// @param ms one layer
  /// @param gigabytes weights of the touched experts, 10^9 bytes
  /// @param gflop a multiply-add is two operations
  /// @param machine limits of one thread, measured beside this case
  public record Line(ExpertShape shape, WeightFormat format, int tokens, int touched, double ms, double gigabytes,
      double gflop, MachineSpeed machine) {
    public double weightGBs() {
      return gigabytes / ms * 1e3;
    }

    public double gflops() {
      return gflop / ms * 1e3;
    }

    public double readFraction() {
      return weightGBs() / machine.readGBs();
    }

    /// Share of the peak of what multiplies the format.
    public double peakFraction() {
      return gflops() / machine.peakGflops(format);
    }

    /// Share of the time that reading or multiplying alone would take, whichever is longer.
    public double rooflineFraction() {
      return Math.max(readFraction(), peakFraction());
    }
  }

  /// @param kernels what is timed
  /// @param repetitions of each layer, the best one counts
  /// @param tokens sizes of batches
  public LayerBenchmark(Kernels kernels, int repetitions, int... tokens) {
    if (repetitions < 1 || Arrays.stream(tokens).anyMatch(count -> count < 1)) {
      throw new IllegalArgumentException("repetitions and tokens must be at least 1, found %d and %s".formatted(
          repetitions, Arrays.toString(tokens)));
    }
    this.kernels = kernels;
    this.repetitions = repetitions;
    this.tokens = tokens.clone();
  }

  /// Runs all cases.
  ///
  /// @param done told of each line
  public void run(List<ExpertShape> shapes, List<WeightFormat> formats, Consumer<Line> done) {
    try (Arena arena = Arena.ofShared(); ComputePool alone = new ComputePool(1)) {
      MemorySegment memory = MachineSpeed.memory(arena);
      for (ExpertShape shape : shapes) {
        for (WeightFormat format : formats) {
          run(shape, format, memory, alone, done);
        }
      }
    }
  }

  private void run(ExpertShape shape, WeightFormat format, MemorySegment memory, ComputePool alone,
      Consumer<Line> done) {
    RandomLayer random = new RandomLayer(shape, format, MOST_BYTES);
    try (Arena arena = Arena.ofShared()) {
      List<ExpertShard> shards = random.shards(arena);
      ExpertFeedForward layer = random.on(kernels, alone);
      for (int count : tokens) {
        RandomLayer.Work work = random.work(count);
        MachineSpeed machine = MachineSpeed.NONE;
        long best = Long.MAX_VALUE;
        // The first turn is spent on compilation.
        for (int i = 0; i <= repetitions; i++) {
          for (int limit = 0; limit < LIMITS_PER_REPETITION; limit++) {
            machine = machine.orBetter(memory, alone, kernels);
          }
          long start = System.nanoTime();
          layer.compute(work.batch(), shards::get);
          best = i == 0 ? best : Math.min(best, System.nanoTime() - start);
        }
        done.accept(
            new Line(shape, format, count, work.touched(), best / 1e6, work.gigabytes(), work.gflop(), machine));
      }
    }
  }

  /// The lines as JSON.
  public static ObjectNode json(List<Line> lines) {
    ObjectNode root = JsonLines.JSON.createObjectNode();
    ArrayNode array = root.putArray("lines");
    for (Line line : lines) {
      array.addObject().put("shape", line.shape.name()).put("format", line.format.name()).put("tokens", line.tokens)
          .put("expertsTouched", line.touched).put("ms", line.ms).put("weightGBs", line.weightGBs()).put(
              "readBandwidthGBs", line.machine.readGBs())
          .put("readBandwidthFraction", line.readFraction()).put("gflops", line.gflops()).put("peakGflops", line.machine
              .gflops())
          .put("peakIntegerGops", line.machine.integerGops()).put("peakGflopsFraction", line.peakFraction())
          .put("rooflineFraction", line.rooflineFraction());
    }
    return root;
  }
}
