package io.llada.coordinator.denoising;

import static io.llada.coordinator.denoising.Golden.ints;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.model.experts.ActivationType;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Whole generations against the reference: every token of every step, and the number of forward passes.
class TraceGoldenTest {
  @TempDir
  Path directory;

  static Stream<Kernels> kernels() {
    return Stream.of(new ScalarKernels(), new VectorKernels());
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void theBundledModelDenoisesLikeTheReferenceStepByStep(Kernels kernels) {
    try (Scheduler scheduler = scheduler(Golden.TINY_MODEL, kernels)) {
      for (JsonNode run : Golden.json("llada2-tiny-chat.golden.json").get("generate")) {
        JsonNode args = run.get("args");
        RecordingListener listener = generate(scheduler, run.get("prompt_ids"), settings(args.get("gen_length").asInt(),
            args.get("steps").asInt(), 32, Remasking.THRESHOLD, args.get("threshold").floatValue(), false, 0));
        assertThat(listener.await().tokens()).as(run.get("task").asText()).containsExactly(ints(run.get(
            "output_ids")));
        assertThat(listener.await().forwards()).isEqualTo(run.get("forwards").asInt());
        assertSameTrace(listener, run.get("trace"));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void stoppingEarlyReturnsTheSameAnswerAfterAsManyForwards(Kernels kernels) {
    try (Scheduler scheduler = scheduler(Golden.TINY_MODEL, kernels)) {
      for (JsonNode run : Golden.json("llada2-tiny-chat.golden.json").get("generate")) {
        JsonNode args = run.get("args");
        RecordingListener listener = generate(scheduler, run.get("prompt_ids"), settings(args.get("gen_length").asInt(),
            args.get("steps").asInt(), 32, Remasking.THRESHOLD, args.get("threshold").floatValue(), true, 0));
        assertThat(listener.await().tokens()).containsExactly(ints(run.get("output_ids")));
        if (run.hasNonNull("early_stop")) {
          assertThat(listener.await().forwards()).isEqualTo(run.get("early_stop").get("forwards").asInt());
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void theTinyLlada8bDenoisesLikeTheReferenceStepByStep(Kernels kernels) {
    try (Scheduler scheduler = scheduler(Golden.DIRECTORY.resolve("llada8b-tiny-random"), kernels)) {
      for (JsonNode run : Golden.json("llada8b-tiny-random.golden.json").get("generate")) {
        JsonNode args = run.get("args");
        RecordingListener listener = generate(scheduler, run.get("prompt"), llada8bSettings(args));
        int[] output = ints(run.get("output"));
        assertThat(listener.await().tokens()).as(run.get("name").asText())
            .containsExactly(Arrays.copyOfRange(output, run
                .get("prompt").size(), output.length));
        assertSameTrace(listener, run.get("trace"));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void randomLlada8bWeightsGenerateLikeTheReference(Kernels kernels) throws IOException {
    JsonNode golden = Golden.json("random-llada8b-and-moe.golden.json");
    JsonNode config = Golden.JSON.createObjectNode().put("model_type", "llada").put("d_model", 64).put("n_layers", 3)
        .put("n_heads", 4).put("mlp_hidden_size", 160).put("vocab_size", 320).put("rope_theta", 500000.0).put(
            "rms_norm_eps", 1e-5)
        .put("max_sequence_length", 512).put("mask_token_id", 319).put("eos_token_id", 318);
    try (Scheduler scheduler = scheduler(checkpoint("random-llada8b.safetensors", config), kernels)) {
      String[] arguments = {"semi_ar 16 16 8 0", "full 16 16 16 0", "half_steps 8 16 8 0", "cfg 16 16 8 1.5"};
      for (String argument : arguments) {
        String[] parts = argument.split(" ");
        ObjectNode args = Golden.JSON.createObjectNode().put("steps", Integer.parseInt(parts[1])).put("gen_length",
            Integer.parseInt(parts[2])).put("block_length", Integer.parseInt(parts[3]))
            .put("cfg_scale", Float.parseFloat(
                parts[4]));
        RecordingListener listener = generate(scheduler, golden.get("prompt"), llada8bSettings(args));
        int[] output = ints(golden.get("generate").get(parts[0]));
        assertThat(listener.await().tokens()).as(parts[0]).containsExactly(Arrays.copyOfRange(output, golden.get(
            "prompt").size(), output.length));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void randomLlada2WeightsGenerateLikeTheReferenceWithThresholdAndWithEditing(Kernels kernels) throws IOException {
    JsonNode golden = Golden.json("random-llada2.golden.json");
    ObjectNode config = golden.get("config").deepCopy();
    config.put("model_type", "llada2_moe").put("mask_token_id", 319).put("eos_token_id", 318).put("block_length", 8);
    try (Scheduler scheduler = scheduler(checkpoint("random-llada2.safetensors", config), kernels)) {
      golden.get("generate").properties().forEach(entry -> {
        JsonNode args = entry.getValue().get("args");
        boolean edits = entry.getKey().startsWith("v21");
        DiffusionSettings settings = new DiffusionSettings(21, edits ? 8 : args.get("steps").asInt(), 8, edits
            ? Remasking.EDITING
            : Remasking.THRESHOLD, args.get("threshold").floatValue(), Sampling.GREEDY, false,
            new DiffusionSettings.Editing(args.path("editing_threshold").floatValue(),
                args.path("max_post_steps").asInt(
                    16)),
            0);
        DenoisingOutcome outcome = generate(scheduler, golden.get("prompt"), settings).await();
        assertThat(outcome.tokens()).as(entry.getKey()).containsExactly(ints(entry.getValue().get("tokens")));
        assertThat(outcome.forwards()).as(entry.getKey()).isEqualTo(entry.getValue().get("forwards").asInt());
      });
    }
  }

  private Path checkpoint(String weights, JsonNode config) throws IOException {
    Files.copy(Golden.DIRECTORY.resolve(weights), directory.resolve("model.safetensors"));
    Golden.JSON.writeValue(directory.resolve("config.json").toFile(), config);
    return directory;
  }

  private static Scheduler scheduler(Path model, Kernels kernels) {
    return new Scheduler(TestModel.local(model, kernels, ActivationType.F32), SchedulerLimits.DEFAULTS);
  }

  private static RecordingListener generate(Scheduler scheduler, JsonNode prompt, DiffusionSettings settings) {
    RecordingListener listener = new RecordingListener();
    scheduler.submit(new DenoisingRequest("golden", ints(prompt), settings), listener);
    listener.await();
    return listener;
  }

  /// The original rule counts steps over all blocks.
  private static DiffusionSettings llada8bSettings(JsonNode args) {
    int maxTokens = args.get("gen_length").asInt();
    int block = args.get("block_length").asInt();
    return settings(maxTokens, args.get("steps").asInt() / (maxTokens / block), block, Remasking.LOW_CONFIDENCE, 0.95f,
        false, args.path("cfg_scale").floatValue());
  }

  private static DiffusionSettings settings(int maxTokens, int steps, int block, Remasking remasking, float threshold,
      boolean earlyStop, float guidance) {
    return new DiffusionSettings(maxTokens, steps, block, remasking, threshold, Sampling.GREEDY, earlyStop,
        DiffusionSettings.Editing.REFERENCE, guidance);
  }

  private static void assertSameTrace(RecordingListener listener, JsonNode trace) {
    if (trace == null || trace.isNull()) {
      return;
    }
    assertThat(listener.steps).hasSize(trace.size());
    for (int i = 0; i < trace.size(); i++) {
      DenoisingStep step = listener.steps.get(i);
      assertThat(step.block()).isEqualTo(trace.get(i).get("block").asInt());
      assertThat(step.step()).isEqualTo(trace.get(i).get("step").asInt());
      assertThat(step.committed()).containsExactly(ints(trace.get(i).get("committed")));
      assertThat(step.window()).containsExactly(ints(trace.get(i).get("ids")));
    }
  }
}
