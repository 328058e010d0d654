package io.llada.deploy.bench;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.LargePages;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.TokenRows;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// One expert's SwiGLU network on one thread, for each number format and number of tokens, against the limits of the
/// same thread in the same run.
///
/// Every call takes the next of many experts, together much larger than the caches, as a routed layer does. All cases
/// are run in turn, several times over, and the best time of each counts: what else runs on the machine then hits all
/// alike.
public final class KernelBenchmark {
  private static final int[] TOKENS = {1, 2, 4, 8, 32, 256};
  /// Weights of one shape and format.
  private static final long CYCLE_BYTES = 256L << 20;
  /// A timed turn is at least this long, so that the clock does not matter.
  private static final long TURN_NANOS = 20_000_000;
  /// A limit measured as rarely as a kernel would lose to it on a busy machine: its turns are longer.
  private static final int LIMITS_PER_REPETITION = 4;

  private final int repetitions;
  private final Kernels kernels;

  private record Expert(PackedMatrix gate, PackedMatrix up, PackedMatrix down) {
    long bytes() {
      return gate.bytes() + up.bytes() + down.bytes();
    }
  }

  /// A shape, a format and their experts, which all token counts go on cycling through.
  private static final class Cycle {
    private final ExpertShape shape;
    private final WeightFormat format;
    private final List<Expert> experts;
    private int next;

    private Cycle(ExpertShape shape, WeightFormat format, List<Expert> experts) {
      this.shape = shape;
      this.format = format;
      this.experts = experts;
    }

    private Expert next() {
      next = (next + 1) % experts.size();
      return experts.get(next);
    }
  }

  /// One line of the table.
  ///
  /// @param shape whose experts
  /// @param format of the weights
  /// @param tokens rows per expert
  /// @param ms of one expert
  /// @param weightGBs weights read, 10^9 bytes per second
  /// @param gflops a multiply-add is two operations
  public record Line(String shape, WeightFormat format, int tokens, double ms, double weightGBs, double gflops) {}

  /// @param lines one per case
  /// @param machine limits of one thread
  public record Result(List<Line> lines, MachineSpeed machine) {
    public ObjectNode json() {
      ObjectNode root = JsonLines.JSON.createObjectNode().put("readBandwidthGBs", machine.readGBs()).put("peakGflops",
          machine.gflops());
      root.put("peakIntegerGops", machine.integerGops());
      ArrayNode array = root.putArray("experts");
      for (Line line : lines) {
        array.addObject().put("shape", line.shape).put("format", line.format.name()).put("tokens", line.tokens).put(
            "ms", line.ms).put("weightGBs", line.weightGBs).put("readBandwidthFraction", line.weightGBs
                / machine
                    .readGBs())
            .put("gflops", line.gflops).put("peakGflopsFraction", line.gflops / machine.peakGflops(line.format));
      }
      return root;
    }
  }

  /// @param repetitions turns of each case, the best one counts
  /// @param kernels what is timed
  public KernelBenchmark(int repetitions, Kernels kernels) {
    if (repetitions < 1) {
      throw new IllegalArgumentException("repetitions must be at least 1, found " + repetitions);
    }
    this.repetitions = repetitions;
    this.kernels = kernels;
  }

  /// Runs all cases.
  public Result run() {
    try (Arena arena = Arena.ofShared(); ComputePool alone = new ComputePool(1)) {
      MemorySegment memory = MachineSpeed.memory(arena);
      MachineSpeed machine = MachineSpeed.NONE;
      List<Cycle> cycles = cycles(arena);
      double[] best = new double[cycles.size() * TOKENS.length];
      Arrays.fill(best, Double.POSITIVE_INFINITY);
      for (int repetition = 0; repetition <= repetitions; repetition++) {
        for (int i = 0; i < LIMITS_PER_REPETITION; i++) {
          machine = machine.orBetter(memory, alone, kernels);
        }
        for (int i = 0; i < best.length; i++) {
          double nanos = nanosPerExpert(cycles.get(i / TOKENS.length), TOKENS[i % TOKENS.length]);
          // The first turn is spent on compilation.
          best[i] = repetition == 0 ? best[i] : Math.min(best[i], nanos);
        }
      }
      return new Result(lines(cycles, best), machine);
    }
  }

  private static List<Line> lines(List<Cycle> cycles, double[] best) {
    List<Line> lines = new ArrayList<>();
    for (int i = 0; i < best.length; i++) {
      Cycle cycle = cycles.get(i / TOKENS.length);
      int tokens = TOKENS[i % TOKENS.length];
      lines.add(new Line(cycle.shape.label(), cycle.format, tokens, best[i] / 1e6,
          cycle.experts.getFirst().bytes()
              / best[i],
          2.0 * cycle.shape.weights() * tokens / best[i]));
    }
    return lines;
  }

  private double nanosPerExpert(Cycle cycle, int tokens) {
    float[] x = new float[tokens * cycle.shape.hiddenSize()];
    SplittableRandom random = new SplittableRandom(tokens);
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextDouble(-1, 1);
    }
    float[] y = new float[x.length];
    float[] gate = new float[tokens * cycle.shape.width()];
    float[] up = new float[gate.length];
    int experts = 0;
    long start = System.nanoTime();
    long nanos;
    do {
      Expert expert = cycle.next();
      TokenRows rows = kernels.rows(x, tokens, cycle.shape.hiddenSize(), cycle.format);
      kernels.multiply(expert.gate, 0, expert.gate.panels(), rows, gate, 0, cycle.shape.width());
      kernels.multiply(expert.up, 0, expert.up.panels(), rows, up, 0, cycle.shape.width());
      kernels.swiglu(gate, up, 0, gate.length);
      kernels.multiply(expert.down, 0, expert.down.panels(), kernels.rows(gate, tokens, cycle.shape.width(),
          cycle.format), y, 0, cycle.shape.hiddenSize());
      experts++;
      nanos = System.nanoTime() - start;
    } while (nanos < TURN_NANOS);
    return (double) nanos / experts;
  }

  private static List<Cycle> cycles(Arena arena) {
    List<Cycle> cycles = new ArrayList<>();
    for (ExpertShape shape : ExpertShape.values()) {
      for (WeightFormat format : WeightFormat.values()) {
        Expert first = new Expert(packed(format, shape.width(), shape.hiddenSize(), arena), packed(format, shape
            .width(), shape.hiddenSize(), arena), packed(format, shape.hiddenSize(), shape.width(), arena));
        List<Expert> experts = new ArrayList<>(List.of(first));
        while (experts.size() * first.bytes() < CYCLE_BYTES) {
          experts.add(new Expert(copy(first.gate, arena), copy(first.up, arena), copy(first.down, arena)));
        }
        cycles.add(new Cycle(shape, format, experts));
      }
    }
    return cycles;
  }

  private static PackedMatrix packed(WeightFormat format, int rows, int columns, Arena arena) {
    SplittableRandom random = new SplittableRandom(rows);
    try (Arena scratch = Arena.ofConfined()) {
      boolean isHalf = format == WeightFormat.BF16;
      ElementType type = isHalf ? ElementType.BF16 : ElementType.F32;
      MemorySegment data = scratch.allocate((long) rows * columns * type.bytes());
      for (long i = 0; i < (long) rows * columns; i++) {
        float value = (float) random.nextDouble(-1, 1) / columns;
        if (isHalf) {
          data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(value) >>> 16));
        } else {
          data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
      }
      return PackedMatrix.pack(List.of(new TensorView("random", type, rows, columns, data)), format, arena);
    }
  }

  /// The same numbers elsewhere in memory: the speed depends on where they are, not on what they are.
  private static PackedMatrix copy(PackedMatrix matrix, Arena arena) {
    // In large pages, as a checkpoint is loaded.
    MemorySegment data = LargePages.allocate(matrix.bytes(), arena).copyFrom(matrix.data());
    return PackedMatrix.of(matrix.format(), matrix.rows(), matrix.columns(), data);
  }
}
