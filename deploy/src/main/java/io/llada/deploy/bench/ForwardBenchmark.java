package io.llada.deploy.bench;

import io.llada.coordinator.dispatch.PairSpread;
import io.llada.deploy.offline.OfflineModel;
import io.llada.model.config.ModelConfig;
import io.llada.model.layer.ForwardBatch;
import io.llada.model.layer.KvCache;
import io.llada.model.layer.LayerProbe;
import io.llada.model.layer.LayerProbe.Part;
import io.llada.model.layer.RowSampling;
import io.llada.model.layer.SequenceRows;
import io.llada.model.unmasking.Sampling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// Single forward passes: a denoising step behind a cached context, or the prefill of a prompt.
///
/// Passes are timed one by one; reported is the median, because other work on the machine only ever makes a pass
/// slower.
public final class ForwardBenchmark {
  /// As the scheduler cuts a prompt.
  private static final int PREFILL_ROWS = 512;
  private static final long SEED = 7;

  private final OfflineModel.Settings settings;
  private final BenchedModel.Nodes nodes;
  private final int warmUps;
  private final int passes;

  /// @param settings how the model runs
  /// @param warmUps passes before the timed ones
  /// @param passes timed passes
  public ForwardBenchmark(OfflineModel.Settings settings, int warmUps, int passes) {
    this(settings, BenchedModel.Nodes.USUAL, warmUps, passes);
  }

  ForwardBenchmark(OfflineModel.Settings settings, BenchedModel.Nodes nodes, int warmUps, int passes) {
    if (warmUps < 0 || passes < 1) {
      throw new IllegalArgumentException("warm-ups must be at least 0 and passes at least 1, found %d and %d".formatted(
          warmUps, passes));
    }
    this.settings = settings;
    this.nodes = nodes;
    this.warmUps = warmUps;
    this.passes = passes;
  }

  /// The figures and the machine they were measured on.
  ///
  /// @param spread of the timed passes over expert nodes
  public record Result(Figures figures, MachineSpeed machine, PairSpread spread) {}

  /// What is timed: some forward passes.
  ///
  /// @param sequences of each forward pass
  /// @param tokens what all of them count for
  /// @param tokensPerForward what one counts for, per sequence
  private record Work(List<List<SequenceRows>> sequences, int tokens, double tokensPerForward) {
    boolean isPredicting() {
      return sequences.getFirst().getFirst().predicted().length > 0;
    }
  }

  /// One denoising step.
  ///
  /// @param batch sequences side by side
  /// @param masked masked positions of each block; they are predicted
  /// @param context cached positions of each sequence, rounded up to whole blocks
  public Result step(int batch, int masked, int context) throws InterruptedException {
    try (BenchedModel model = new BenchedModel(settings, nodes)) {
      ModelConfig config = model.config();
      int block = config.blockLength();
      if (batch < 1 || batch > 1024 || masked < 1 || masked > block) {
        throw new IllegalArgumentException(
            "--batch must be 1..1024 and --masked 1..%d, found %d and %d".formatted(block,
                batch, masked));
      }
      int start = Math.ceilDiv(context, block) * block;
      requireFits(config, start + block);
      SplittableRandom random = new SplittableRandom(SEED);
      List<SequenceRows> sequences = new ArrayList<>();
      for (int i = 0; i < batch; i++) {
        KvCache cache = new KvCache(config, settings.compute().caches());
        for (SequenceRows rows : prompt(config, cache, start, random)) {
          model.transformer().forward(new ForwardBatch(List.of(rows)), LayerProbe.NONE);
        }
        int[] ids = random(config, block, random);
        Arrays.fill(ids, block - masked, block, config.maskTokenId());
        sequences.add(new SequenceRows(cache, start, ids, block, IntStream.range(block - masked, block).toArray()));
      }
      return measure(model, new Work(List.of(sequences), batch * masked, masked));
    }
  }

  /// The prefill of one prompt, without LM head.
  public Result prefill(int tokens) throws InterruptedException {
    try (BenchedModel model = new BenchedModel(settings, nodes)) {
      requireFits(model.config(), tokens);
      List<List<SequenceRows>> work = prompt(model.config(), new KvCache(model.config(), settings.compute().caches()),
          tokens,
          new SplittableRandom(
              SEED))
          .stream().map(List::of).toList();
      return measure(model, new Work(work, tokens, (double) tokens / work.size()));
    }
  }

  private static void requireFits(ModelConfig config, int positions) {
    if (positions < 1 || positions > config.contextLength()) {
      throw new IllegalArgumentException("%d positions, the model takes 1..%d".formatted(positions, config
          .contextLength()));
    }
  }

  private static List<SequenceRows> prompt(ModelConfig config, KvCache cache, int length, SplittableRandom random) {
    List<SequenceRows> passes = new ArrayList<>();
    int rows = Math.max(1, PREFILL_ROWS / config.blockLength()) * config.blockLength();
    for (int start = 0; start < length; start += rows) {
      passes.add(new SequenceRows(cache, start, random(config, Math.min(rows, length - start), random), config
          .blockLength(), new int[0]));
    }
    return passes;
  }

  /// Ids below the mask's: in published vocabularies those above are control tokens and padding.
  private static int[] random(ModelConfig config, int count, SplittableRandom random) {
    return IntStream.generate(() -> random.nextInt(config.maskTokenId())).limit(count).toArray();
  }

  private Result measure(BenchedModel model, Work work) {
    StepProbe probe = new StepProbe();
    probe.of(model.config(), model::dispatchTimes);
    for (int i = 0; i < warmUps; i++) {
      pass(model, work, probe);
    }
    StepProbe.Totals before = probe.totals();
    PairSpread spreadBefore = model.spread();
    List<StepProbe.Totals> timed = new ArrayList<>();
    for (int i = 0; i < passes; i++) {
      StepProbe.Totals start = probe.totals();
      pass(model, work, probe);
      timed.add(probe.totals().since(start));
    }
    StepProbe.Totals totals = probe.totals().since(before);
    StepProbe.Totals median = StepProbe.Totals.median(timed);
    double seconds = median.nanosOfAll() / 1e9;
    PartFigures operations = totals.operations().times(1.0 / totals.forwards());
    Figures.Cost cost = new Figures.Cost(StepCost.bytes(model.config(), model.weightBytes(work.isPredicting()), model
        .shardBytes(), totals), operations, StepCost.onIntegers(operations, model.formats()), model.hasNodes());
    Figures figures = new Figures(seconds * 1e3 / work.sequences().size(), Figures.parts(median, model.hasNodes()), work
        .tokens() / seconds, work.tokensPerForward(), cost, totals.touchedPerLayer(), model.footprint());
    return new Result(figures, MachineSpeed.measure(settings.threadsOfAll(), model.kernels()), model.spread()
        .minus(spreadBefore));
  }

  private static void pass(BenchedModel model, Work work, StepProbe probe) {
    for (List<SequenceRows> sequences : work.sequences()) {
      float[] rows = model.transformer().forward(new ForwardBatch(sequences), probe);
      if (work.isPredicting()) {
        probe.workingOn(Part.HEAD);
        List<RowSampling> sampling = sequences.stream().flatMap(sequence -> Arrays.stream(sequence.predicted())
            .mapToObj(row -> new RowSampling(Sampling.GREEDY, sequence.start() + row, 0))).toList();
        model.head().predict(rows, sampling);
      }
      probe.workingOn(Part.OUTSIDE);
    }
  }
}
