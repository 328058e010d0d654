package io.llada.deploy.synth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.llada.deploy.failure.CommandFailedException;
import io.llada.gateway.chat.PromptEncoder;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.WeightFormats;
import io.llada.model.packing.CheckpointQuantiser;
import io.llada.model.packing.PackingProgress;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A synthetic checkpoint is one that every part of the system takes for real.
class SyntheticCheckpointTest {
  private static final SyntheticShape TINY = SyntheticShape.of(SyntheticShape.Like.TINY).withLayers(2);

  @TempDir
  static Path directory;
  private static ComputePool pool;
  private static Path model;

  @BeforeAll
  static void writesOne() throws IOException {
    pool = new ComputePool(2);
    model = write("model", TINY, 1);
  }

  @AfterAll
  static void closesThePool() {
    pool.close();
  }

  private static Path write(String name, SyntheticShape shape, long seed) throws IOException {
    Path target = directory.resolve(name);
    new SyntheticCheckpoint(shape, seed, pool).write(target, (part, parts) -> {});
    return target;
  }

  @Test
  void itOpensWithItsShape() {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      assertThat(checkpoint.config().layers()).isEqualTo(2);
      assertThat(checkpoint.config().maskTokenId()).isEqualTo(TINY.maskToken());
      assertThat(checkpoint.config().moe().orElseThrow().experts()).isEqualTo(256);
    }
  }

  @Test
  void aBlockTouchesAsManyExpertsAsInATrainedModel() {
    assertThat(RoutingCheck.run(model, 1, pool)).hasSize(1).allMatch(RoutingCheck.Touched::isHealthy);
  }

  @Test
  void theCheckRefusesACollapsedRouting() {
    assertThat(new RoutingCheck.Touched(1, 8, 160).isHealthy()).isFalse();
    assertThat(new RoutingCheck.Touched(1, 160, 250).isHealthy()).isFalse();
  }

  @Test
  void theTokenizerEncodesAnyTextAndGivesItBack() throws IOException {
    try (PromptEncoder encoder = PromptEncoder.load(model)) {
      String text = "Grüße, 世界! \uD83E\uDD80\n\t<|mask|>\u0000";
      assertThat(encoder.decode(encoder.encode(text))).isEqualTo(text);
      assertThat(encoder.maskToken()).contains(TINY.maskToken());
      assertThat(encoder.chatFormat()).isPresent();
    }
  }

  @Test
  void theSameSeedGivesTheSameBytesAndAnotherOneOthers() throws IOException {
    String weights = "model-00001-of-00001.safetensors";
    assertThat(Files.mismatch(write("again", TINY, 1).resolve(weights), model.resolve(weights))).isEqualTo(-1);
    assertThat(Files.mismatch(write("other", TINY, 2).resolve(weights), model.resolve(weights))).isNotEqualTo(-1);
  }

  @Test
  void packedAtOnceItHasTheBytesOfWritingFirstAndPackingThen() throws IOException {
    WeightFormats formats = new WeightFormats(WeightFormat.INT4, WeightFormat.BF16, WeightFormat.INT8);
    Path packed = directory.resolve("packed");
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      new CheckpointQuantiser(checkpoint, formats, pool, PackingProgress.NONE).pack(packed);
    }
    Path atOnce = directory.resolve("at-once");
    new SyntheticCheckpoint(TINY, 1, pool).pack(atOnce, formats, (file, files) -> {});
    List<String> names = names(packed);
    assertThat(names(atOnce)).isEqualTo(names).contains("config.json", "tokenizer.json", "llada-packed.json");
    for (String name : names) {
      assertThat(Files.mismatch(atOnce.resolve(name), packed.resolve(name))).as(name).isEqualTo(-1);
    }
    assertThat(RoutingCheck.run(atOnce, 1, pool)).hasSize(1).allMatch(RoutingCheck.Touched::isHealthy);
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aPackedOneIsFinishedAfterAnInterruption() throws IOException {
    WeightFormats formats = new WeightFormats(WeightFormat.INT8, WeightFormat.BF16, WeightFormat.BF16);
    Path target = directory.resolve("interrupted");
    SyntheticCheckpoint checkpoint = new SyntheticCheckpoint(TINY, 1, pool);
    assertThatThrownBy(() -> checkpoint.pack(target, formats, (file, files) -> {
      if (file == 3) {
        throw new IllegalStateException("interrupted");
      }
    })).hasMessage("interrupted");
    checkpoint.pack(target, formats, (file, files) -> {});
    Checkpoint.open(target).close();
  }

  @Test
  void anyBytesOfAPartAreThoseOfTheWhole() {
    Map<String, List<Integer>> tensors = new LinkedHashMap<>();
    tensors.put("model.norm.weight", List.of(8));
    tensors.put("lm_head.weight", List.of(4, 16));
    tensors.put("model.layers.0.attention.query_layernorm.weight", List.of(32));
    SyntheticPart part = new SyntheticPart(tensors, new SyntheticWeights(TINY, 1));
    assertThat(part.bytes()).isEqualTo(208);
    byte[] whole = bytes(part, 0, 208);
    for (int from : new int[]{0, 1, 7, 8, 15, 16, 17, 143, 145, 207}) {
      for (int to : new int[]{from + 1, Math.max(from + 1, 150), 208}) {
        assertThat(bytes(part, from, to - from)).isEqualTo(Arrays.copyOfRange(whole, from, to));
      }
    }
  }

  private static byte[] bytes(SyntheticPart part, int from, int count) {
    return part.read(from, count).toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void nothingIsOverwritten() {
    assertThatThrownBy(() -> write("model", TINY, 1)).isInstanceOf(CommandFailedException.class).hasMessageContaining(
        "is not empty");
  }

  @Test
  void thePublishedShapesKeepThePublishedIds() {
    SyntheticShape mini = SyntheticShape.of(SyntheticShape.Like.MINI);
    assertThat(mini.maskToken()).isEqualTo(156_895);
    assertThat(mini.endToken()).isEqualTo(156_892);
  }
}
