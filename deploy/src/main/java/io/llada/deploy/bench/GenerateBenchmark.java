package io.llada.deploy.bench;

import io.llada.deploy.offline.OfflineModel;
import io.llada.deploy.offline.OfflineRequest;
import io.llada.deploy.offline.OfflineRunner;
import io.llada.gateway.chat.ChatMessage;
import io.llada.gateway.chat.Conversation;
import io.llada.gateway.chat.Role;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Sampling;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
  /// @param msPerStep wall time of a forward pass with everything around it, milliseconds
  /// @param tokensPerSecond answer tokens of all requests
  /// @param tokensPerForward answer tokens per denoising step of a request
  /// @param expertsTouchedPerLayer distinct experts a forward pass uses in a layer
  /// @param bytesReadPerStep weights a forward pass reads: touched experts and everything the coordinator holds
  /// @param wireBytesPerStep frames between coordinator and expert nodes
  /// @param forwardsPerPass forward passes until all requests of a pass are done
  /// @param settings of the requests
  public record Result(double msPerStep, double tokensPerSecond, double tokensPerForward,
      double expertsTouchedPerLayer, long bytesReadPerStep, long wireBytesPerStep, double forwardsPerPass,
      DiffusionSettings settings) {}

  public GenerateBenchmark(Workload workload) {
    this.workload = workload;
  }

  private record Pass(long nanos, long forwards, long tokens, long steps) {}

  /// @param overrides makes the settings of the defaults
  public Result run(UnaryOperator<DiffusionSettings> overrides) throws IOException,
      InterruptedException {
    RoutingCounter counter = new RoutingCounter();
    try (OfflineModel model = OfflineModel.open(workload.model(), counter)) {
      DiffusionSettings settings = overrides.apply(model.description().defaults());
      List<OfflineRequest> requests = requests(model, settings);
      for (int i = 0; i < workload.warmUps(); i++) {
        pass(model, requests);
      }
      long touched = counter.touched();
      long layers = counter.layers();
      long wire = model.wireBytes();
      List<Pass> passes = new ArrayList<>();
      for (int i = 0; i < workload.passes(); i++) {
        passes.add(pass(model, requests));
      }
      double touchedPerLayer = (double) (counter.touched() - touched) / Math.max(1, counter.layers() - layers);
      long forwards = passes.stream().mapToLong(Pass::forwards).sum();
      passes.sort((a, b) -> Long.compare(a.nanos(), b.nanos()));
      Pass median = passes.get(passes.size() / 2);
      return new Result(median.nanos() / 1e6 / median.forwards(), median.tokens() * 1e9 / median.nanos(),
          (double) median.tokens() / median.steps(), touchedPerLayer, bytesRead(model, touchedPerLayer),
          (model.wireBytes()
              - wire) / Math.max(1, forwards),
          (double) forwards / passes.size(), settings);
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

  private static Pass pass(OfflineModel model, List<OfflineRequest> requests) {
    long[] sums = new long[2];
    long forwards = model.scheduler().statistics().forwards();
    long start = System.nanoTime();
    new OfflineRunner(model).run(requests, OfflineRunner.Watch.NOTHING, run -> {
      sums[0] += run.result().outcome().tokens().length;
      sums[1] += run.result().outcome().forwards();
    });
    long nanos = System.nanoTime() - start;
    return new Pass(nanos, Math.max(1, model.scheduler().statistics().forwards() - forwards), sums[0], sums[1]);
  }

  private static long bytesRead(OfflineModel model, double touchedPerLayer) {
    ModelConfig config = model.description().config();
    long always = model.description().weightBytes();
    if (config.moe().isEmpty()) {
      return always;
    }
    MoeConfig moe = config.moe().get();
    int moeLayers = config.layers() - moe.firstMoeLayer();
    double expertBytes = (double) model.description().shardBytes() / moe.expertsPerGroup();
    return always + Math.round(moeLayers * touchedPerLayer * expertBytes);
  }
}
