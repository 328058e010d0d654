package io.llada.coordinator.denoising;

import static io.llada.coordinator.denoising.Golden.ints;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.experts.ActivationType;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.KernelProvider;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.WeightFormats;
import io.llada.model.packing.CheckpointQuantiser;
import io.llada.model.unmasking.DiffusionSettings;
import io.llada.model.unmasking.Remasking;
import io.llada.model.unmasking.Sampling;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Whole generations of a packed model on native kernels against Java's: the same tokens and confidences in every step,
/// bit for bit.
class NativeTraceAgreementTest {
  private static final int REQUESTS = 4;
  private static final DiffusionSettings SETTINGS = new DiffusionSettings(64, 32, 32, Remasking.THRESHOLD, 0.95f,
      Sampling.GREEDY, true, DiffusionSettings.Editing.REFERENCE, 0);

  @TempDir
  Path directory;

  @ParameterizedTest
  @EnumSource(value = WeightFormat.class, names = {"INT8", "INT4"})
  void everyStepIsTheSame(WeightFormat format) {
    assumeTrue(
        Stream.of(System.getenv("PATH").split(":")).anyMatch(folder -> Files.isExecutable(Path.of(folder, "cc"))),
        "no C compiler on this machine");
    Path packed = directory.resolve("packed");
    try (Checkpoint original = Checkpoint.open(Golden.TINY_MODEL); ComputePool pool = new ComputePool(2)) {
      new CheckpointQuantiser(original, new WeightFormats(format, format, format), pool, (file, bytes, isKept) -> {})
          .pack(packed);
    }
    assertThat(trace(packed, KernelProvider.NATIVE.open())).isNotEmpty().isEqualTo(trace(packed, KernelProvider.JAVA
        .open()));
  }

  /// All that is told of every step.
  private static List<String> trace(Path model, Kernels kernels) {
    List<String> trace = new ArrayList<>();
    try (Scheduler scheduler = new Scheduler(TestModel.local(model, kernels, ActivationType.F32),
        SchedulerLimits.DEFAULTS)) {
      List<RecordingListener> listeners = new ArrayList<>();
      JsonNode runs = Golden.json("llada2-tiny-chat.golden.json").get("generate");
      for (int i = 0; i < REQUESTS; i++) {
        RecordingListener listener = new RecordingListener();
        scheduler.submit(new DenoisingRequest("request-" + i, ints(runs.get(i).get("prompt_ids")), SETTINGS), listener);
        listeners.add(listener);
      }
      for (RecordingListener listener : listeners) {
        listener.await();
        for (DenoisingStep step : listener.steps) {
          List<Integer> confidences = new ArrayList<>();
          for (float confidence : step.confidences()) {
            confidences.add(Float.floatToIntBits(confidence));
          }
          trace.add(
              "block %d, step %d: %s committed %s, confidences %s".formatted(step.block(), step.step(), Arrays.toString(
                  step.window()), Arrays.toString(step.committed()), confidences));
        }
      }
    }
    return trace;
  }
}
