package io.llada.deploy.bench;

import io.llada.coordinator.denoising.ModelDescription;
import io.llada.deploy.offline.OfflineModel;
import io.llada.deploy.offline.OfflineRequest;
import io.llada.deploy.offline.OfflineRunner;
import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Conversation;
import io.llada.gateway.chat.Role;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.WeightRole;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Sampling;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/// Whole generations, several at a time, after a warm-up.
///
/// A pass runs `batch` requests with the same prompt side by side. Passes are timed one by one; reported is the median
/// pass, because other work on the machine only ever makes a pass slower.
public final class GenerateBenchmark {
  private final Workload workload;

  /// @param model how the model runs
  /// @param prompt text of a user message
  /// @param batch requests side by side
  /// @param warmUps passes before the timed ones
  /// @param passes timed passes
  public record Workload(OfflineModel.Settings model, String prompt, int batch, int warmUps, int passes) {
    public Workload {
      if (batch < 1 || batch > 1024 || warmUps < 0 || passes < 1) {
        throw new IllegalArgumentException(
            ("batch must be 1..1024, warm-ups at least 0 and passes at least 1, found %d, %d and %d").formatted(batch,
                warmUps, passes));
      }
    }
  }

  /// What was measured.
  ///
  /// @param figures of the median pass; bytes and operations are means over all passes
  /// @param machine it was measured on
  /// @param wireBytesPerStep frames between coordinator and expert nodes
  /// @param forwardsPerPass forward passes until all requests of a pass are done
  /// @param settings of the requests
  public record Result(Figures figures, MachineSpeed machine, long wireBytesPerStep, double forwardsPerPass,
      DiffusionSettings settings) {}

  public GenerateBenchmark(Workload workload) {
    this.workload = workload;
  }

  private record Pass(StepProbe.Totals totals, long tokens, long steps) {}

  /// @param overrides makes the settings of the defaults
  public Result run(UnaryOperator<DiffusionSettings> overrides) throws IOException,
      InterruptedException {
    StepProbe probe = new StepProbe();
    long loading = System.nanoTime();
    try (OfflineModel model = OfflineModel.open(workload.model(), probe)) {
      double loadSeconds = (System.nanoTime() - loading) / 1e9;
      probe.of(model.description().config(), model::dispatchTimes);
      DiffusionSettings settings = overrides.apply(model.description().defaults());
      List<OfflineRequest> requests = requests(model, settings);
      for (int i = 0; i < workload.warmUps(); i++) {
        pass(model, requests, probe);
      }
      StepProbe.Totals before = probe.totals();
      long wire = model.wireBytes();
      List<Pass> passes = new ArrayList<>();
      for (int i = 0; i < workload.passes(); i++) {
        passes.add(pass(model, requests, probe));
      }
      StepProbe.Totals totals = probe.totals().since(before);
      long forwards = totals.forwards();
      Figures.Footprint footprint = new Figures.Footprint(loadSeconds, model.description().checkpointBytes(),
          ProcessMemory
              .peakResidentBytes(model.nodePids()));
      return new Result(figures(model, passes, totals, footprint),
          MachineSpeed.measure(workload.model().threadsOfAll(), workload.model().compute().kernels().open()),
          (model.wireBytes() - wire) / Math
              .max(1, forwards),
          (double) forwards / passes.size(), settings);
    }
  }

  private Figures figures(OfflineModel model, List<Pass> passes, StepProbe.Totals totals,
      Figures.Footprint footprint) {
    passes.sort(Comparator.comparingLong(pass -> pass.totals().nanosOfAll()));
    Pass median = passes.get(passes.size() / 2);
    double seconds = median.totals().nanosOfAll() / 1e9;
    ModelDescription description = model.description();
    boolean hasNodes = !model.nodePids().isEmpty();
    PartFigures operations = totals.operations().times(1.0 / Math.max(1, totals.forwards()));
    Figures.Cost cost = new Figures.Cost(StepCost.bytes(description.config(), description.weights(), description
        .shardBytes(), totals), operations, StepCost.onIntegers(operations, formats()), hasNodes);
    return new Figures(seconds * 1e3 / median.totals().forwards(), Figures.parts(median.totals(), hasNodes), median
        .tokens() / seconds, (double) median.tokens() / median.steps(), cost, totals.touchedPerLayer(), footprint);
  }

  private Map<WeightRole, Set<WeightFormat>> formats() {
    try (Checkpoint checkpoint = Checkpoint.open(workload.model().model())) {
      return checkpoint.formats();
    }
  }

  private List<OfflineRequest> requests(OfflineModel model, DiffusionSettings settings) {
    int[] prompt = model.encoder().chatFormat().isPresent()
        ? model.encoder().encode(
            new Conversation(List.of(new ChatMessage(
                Role.USER, workload.prompt()))))
        : model.encoder().encode(workload.prompt());
    List<OfflineRequest> requests = new ArrayList<>();
    for (int i = 0; i < workload.batch(); i++) {
      Sampling sampling = settings.sampling();
      DiffusionSettings own = new DiffusionSettings(settings.maxTokens(), settings.steps(), settings.blockLength(),
          settings.remasking(), settings.threshold(),
          new Sampling(sampling.temperature(), sampling.topK(), sampling.topP(),
              sampling.seed() + i),
          settings.earlyStop(), settings.editing(), settings.guidance());
      requests.add(new OfflineRequest("request-" + i, Arrays.copyOf(prompt, prompt.length), own, List.of()));
    }
    return requests;
  }

  private static Pass pass(OfflineModel model, List<OfflineRequest> requests, StepProbe probe) {
    long[] sums = new long[2];
    StepProbe.Totals before = probe.totals();
    new OfflineRunner(model).run(requests, OfflineRunner.Watch.NOTHING, run -> {
      sums[0] += run.result().outcome().tokens().length;
      sums[1] += run.result().outcome().forwards();
    });
    return new Pass(probe.totals().since(before), sums[0], sums[1]);
  }
}
