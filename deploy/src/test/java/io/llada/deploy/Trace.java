package io.llada.deploy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.llada.coordinator.denoising.DenoisingListener;
import io.llada.coordinator.denoising.DenoisingOutcome;
import io.llada.coordinator.denoising.DenoisingRequest;
import io.llada.coordinator.denoising.DenoisingStep;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/// Everything of a request that must be the same wherever its experts are, as text: all token ids, committed positions
/// and confidences of every step.
final class Trace implements DenoisingListener {
  private static final long PATIENCE_SECONDS = 120;

  private final StringBuilder lines = new StringBuilder();
  private final List<Long> stepTimes = new ArrayList<>();
  private final CompletableFuture<String> whole = new CompletableFuture<>();

  @Override
  public boolean wantsSteps() {
    return true;
  }

  @Override
  public void stepped(DenoisingStep step) {
    stepTimes.add(System.nanoTime());
    int[] bits = new int[step.confidences().length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(step.confidences()[i]);
    }
    lines.append(step.block()).append('/').append(step.step()).append(Arrays.toString(step.window())).append(Arrays
        .toString(step.committed())).append(Arrays.toString(bits)).append('\n');
  }

  @Override
  public void finished(DenoisingOutcome outcome) {
    whole.complete(lines.append(Arrays.toString(outcome.tokens())).append(outcome.forwards()).toString());
  }

  @Override
  public void failed(RuntimeException cause) {
    whole.completeExceptionally(cause);
  }

  String await() {
    try {
      return whole.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /// The longest time between two steps. Asked when the trace is whole.
  Duration longestPause() {
    return longestPause(Long.MIN_VALUE, Long.MAX_VALUE);
  }

  /// As above, of the pauses that have a part in some time.
  ///
  /// @param from monotonic nanoseconds
  /// @param to monotonic nanoseconds
  Duration longestPause(long from, long to) {
    long longest = 0;
    for (int i = 1; i < stepTimes.size(); i++) {
      if (stepTimes.get(i) > from && stepTimes.get(i - 1) < to) {
        longest = Math.max(longest, stepTimes.get(i) - stepTimes.get(i - 1));
      }
    }
    return Duration.ofNanos(longest);
  }

  /// Greedy and sampled requests, short and long, of every policy.
  static List<DenoisingRequest> requests() throws IOException {
    var golden = new ObjectMapper().readTree(Path.of("../model/src/test/golden/llada2-tiny-chat.golden.json").toFile())
        .get("generate");
    List<DenoisingRequest> requests = new ArrayList<>();
    Remasking[] policies = {Remasking.THRESHOLD, Remasking.LOW_CONFIDENCE, Remasking.RANDOM, Remasking.THRESHOLD};
    int[] runs = {8, 10, 0, 14};
    for (int i = 0; i < runs.length; i++) {
      var ids = golden.get(runs[i]).get("prompt_ids");
      int[] prompt = IntStream.range(0, ids.size()).map(index -> ids.get(index).asInt()).toArray();
      Sampling sampling = i == 3 ? new Sampling(0.8f, 20, 0.9f, 7) : Sampling.GREEDY;
      requests.add(new DenoisingRequest("request-" + i, prompt, new DiffusionSettings(64, i == 1 ? 8 : 16, 32,
          policies[i], 0.9f, sampling, true, DiffusionSettings.Editing.REFERENCE, 0)));
    }
    return requests;
  }
}
