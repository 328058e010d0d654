package io.llada.coordinator.denoising;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.Experts;
import io.llada.model.experts.LocalExperts;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.layer.LanguageModelHead;
import io.llada.model.layer.LayerProbe;
import io.llada.model.layer.Transformer;
import io.llada.model.layer.TransformerWeights;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// An answer that goes on behind any of its committed blocks is the undisturbed one, step for step, bit for bit: keys and
/// values of a commit pass are those of a prefill, and draws depend on nothing but seed, position and step.
class ResumeAgreementTest {
  private static final Path LLADA_8B = Golden.DIRECTORY.resolve("llada8b-tiny-random");
  private static final int[] PROMPT_LENGTHS = {1, 31, 32, 33, 63, 64, 65, 95, 96, 97};

  private static Scheduler scheduler(Path model, CacheFormat caches, int rowsPerForward) {
    Checkpoint checkpoint = Checkpoint.open(model);
    Kernels kernels = Kernels.best();
    ComputePool pool = new ComputePool(2);
    Experts experts = LocalExperts.load(checkpoint, ActivationType.F32, kernels, pool);
    TransformerWeights weights = TransformerWeights.load(checkpoint);
    return new Scheduler(new Denoiser(new Transformer(weights, experts, kernels, pool), new LanguageModelHead(weights,
        kernels, pool), caches, LayerProbe.NONE), new SchedulerLimits(rowsPerForward, 65_536, 65_536,
            Duration.ofSeconds(10), Duration.ofSeconds(10)));
  }

  private static DiffusionSettings settings(int blockLength, Remasking remasking, Sampling sampling, float guidance) {
    return new DiffusionSettings(3 * blockLength - 5, 8, blockLength, remasking, 0.9f, sampling, true,
        DiffusionSettings.Editing.REFERENCE, guidance);
  }

  /// The end of a prompt that asks for a story, behind other tokens where it is not long enough.
  private static int[] prompt(int length) {
    int[] story = story();
    return IntStream.range(0, length).map(i -> i < length - story.length
        ? 300 + (i * 37 + length) % 1500
        : story[i - length + story.length]).toArray();
  }

  private static int[] story() {
    for (JsonNode run : Golden.json("llada2-tiny-chat.golden.json").get("generate")) {
      if (run.get("task").asText().equals("story")) {
        return IntStream.range(0, run.get("prompt_ids").size()).map(i -> run.get("prompt_ids").get(i).asInt())
            .toArray();
      }
    }
    throw new AssertionError("no story among the golden runs");
  }

  /// Runs a request, then once more behind each of its blocks but the last.
  ///
  /// @return blocks of the undisturbed run
  private static int requireSameBehindEveryBlock(Scheduler scheduler, DenoisingRequest request) {
    RecordingListener whole = run(scheduler, request);
    int[] committed = new int[0];
    int stepsBefore = 0;
    for (int block = 0; block + 1 < whole.blocks.size(); block++) {
      int[] added = whole.blocks.get(block);
      int from = committed.length;
      committed = Arrays.copyOf(committed, from + added.length);
      System.arraycopy(added, 0, committed, from, added.length);
      int current = block;
      stepsBefore += (int) whole.steps.stream().filter(step -> step.answerBlock() == current).count();

      RecordingListener resumed = run(scheduler, new DenoisingRequest("resumed", request.promptIds(), request
          .settings(), committed));

      assertThat(resumed.await().tokens()).isEqualTo(whole.await().tokens());
      assertThat(resumed.await().endToken()).isEqualTo(whole.await().endToken());
      assertThat(lines(resumed.steps)).isEqualTo(lines(whole.steps).subList(stepsBefore, whole.steps.size()));
      assertThat(resumed.await().steps()).isEqualTo(whole.await().steps() - stepsBefore);
      assertThat(resumed.blockIndices).isEqualTo(whole.blockIndices.subList(block + 1, whole.blockIndices.size()));
    }
    return whole.blocks.size();
  }

  private static RecordingListener run(Scheduler scheduler, DenoisingRequest request) {
    RecordingListener listener = new RecordingListener(request.committedIds().length > 0);
    scheduler.submit(request, listener);
    listener.await();
    return listener;
  }

  private static List<String> lines(List<DenoisingStep> steps) {
    List<String> lines = new ArrayList<>();
    for (DenoisingStep step : steps) {
      int[] bits = new int[step.confidences().length];
      for (int i = 0; i < bits.length; i++) {
        bits[i] = Float.floatToRawIntBits(step.confidences()[i]);
      }
      lines.add(step.block() + "/" + step.answerBlock() + "/" + step.step() + Arrays.toString(step.window())
          + Arrays.toString(step.committed()) + Arrays.toString(bits));
    }
    return lines;
  }

  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void keysAndValuesOfCommitPassesAreThoseOfAPrefillWhereverThePromptEnds(CacheFormat caches) {
    int resumed = 0;
    try (Scheduler scheduler = scheduler(Golden.TINY_MODEL, caches, 100)) {
      for (int length : PROMPT_LENGTHS) {
        Sampling sampling = length % 2 == 0 ? Sampling.GREEDY : new Sampling(2, 0, 1, length);
        resumed += requireSameBehindEveryBlock(scheduler, new DenoisingRequest("whole", prompt(length), settings(32,
            Remasking.THRESHOLD, sampling, 0))) - 1;
      }
    }
    assertThat(resumed).as("answers of several blocks").isGreaterThan(3);
  }

  @ParameterizedTest
  @EnumSource(Remasking.class)
  void everyPolicyGoesOnAsItWas(Remasking remasking) {
    try (Scheduler scheduler = scheduler(Golden.TINY_MODEL, CacheFormat.F32, 512)) {
      assertThat(requireSameBehindEveryBlock(scheduler, new DenoisingRequest("whole", prompt(45), settings(16,
          remasking, new Sampling(2, 0, 1, 5), 0)))).isGreaterThan(1);
    }
  }

  @Test
  void fullAttentionGoesOnBehindItsBlocksWithAndWithoutGuidance() {
    try (Scheduler scheduler = scheduler(LLADA_8B, CacheFormat.F32, 512)) {
      int[] prompt = {5, 6, 7, 8, 9, 10, 11};
      for (float guidance : new float[]{0, 1.5f}) {
        for (Remasking remasking : List.of(Remasking.LOW_CONFIDENCE, Remasking.RANDOM)) {
          assertThat(requireSameBehindEveryBlock(scheduler, new DenoisingRequest("whole", prompt, settings(8,
              remasking, new Sampling(1, 0, 1, 3), guidance)))).isGreaterThan(1);
        }
      }
    }
  }

  @Test
  void whatCannotGoOnIsRefused() {
    try (Scheduler scheduler = scheduler(Golden.TINY_MODEL, CacheFormat.F32, 512)) {
      requireRefused(scheduler, new int[10], "10 committed tokens behind 30 prompt tokens", "block of 32");
      requireRefused(scheduler, new int[91], "91 tokens are committed, max_tokens is 91", "nothing to resume");
      requireRefused(scheduler, new int[]{7, 1985}, "the end token 1985");
      requireRefused(scheduler, new int[]{7, 1988}, "committed token 1 is the mask token 1988");
      requireRefused(scheduler, new int[]{7, 2048}, "committed token 1 is 2048, expected 0..2047");
    }
  }

  private static void requireRefused(Scheduler scheduler, int[] committed, String... complaints) {
    assertThatThrownBy(() -> scheduler.submit(new DenoisingRequest("x", prompt(30), settings(32, Remasking.THRESHOLD,
        Sampling.GREEDY, 0), committed), new RecordingListener())).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(complaints);
  }
}
