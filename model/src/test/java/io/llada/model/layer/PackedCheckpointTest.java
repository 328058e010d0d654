package io.llada.model.layer;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.CheckpointCopy;
import io.llada.model.checkpoint.CheckpointCopy.Tensor;
import io.llada.model.checkpoint.WeightSource;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.experts.LocalExperts;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.PackedManifest;
import io.llada.model.packed.WeightFormats;
import io.llada.model.packed.WeightRole;
import io.llada.model.packing.PackedCopy;
import io.llada.model.packing.PackingProgress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A packed checkpoint computes what its original computes when it is rounded while it is loaded, bit for bit.
class PackedCheckpointTest {
  private static final int[] IDS = {1, 5, 900, 17, 1988, 1988};

  @TempDir
  Path directory;

  static Stream<WeightFormats> formats() {
    return Stream.of(new WeightFormats(WeightFormat.INT8, WeightFormat.BF16, WeightFormat.BF16),
        new WeightFormats(WeightFormat.INT4, WeightFormat.BF16, WeightFormat.INT8),
        new WeightFormats(WeightFormat.INT8, WeightFormat.INT8, WeightFormat.INT8),
        new WeightFormats(WeightFormat.INT4, WeightFormat.BF16, WeightFormat.BF16),
        new WeightFormats(WeightFormat.INT4, WeightFormat.INT8, WeightFormat.INT8),
        new WeightFormats(WeightFormat.INT4, WeightFormat.INT8, WeightFormat.BF16),
        new WeightFormats(WeightFormat.BF16, WeightFormat.BF16, WeightFormat.BF16));
  }

  private static float[] logits(Checkpoint checkpoint, WeightSource source, Kernels kernels) {
    try (ComputePool pool = new ComputePool(2);
        TransformerWeights weights = TransformerWeights.load(checkpoint, source)) {
      LocalModel model = new LocalModel(
          new Transformer(weights, LocalExperts.load(checkpoint, source, ActivationType.F32,
              kernels, pool), kernels, pool),
          new LanguageModelHead(weights, kernels, pool));
      int[] ids = Arrays.stream(IDS).map(id -> id % checkpoint.config().vocabularySize()).toArray();
      return model.logits(ids, LayerProbe.NONE);
    }
  }

  /// Packs a source and compares it with the source rounded in memory.
  ///
  /// @return the logits
  private float[] requireSameBits(Path source, WeightFormats formats) {
    Path target = directory.resolve("packed-" + formats.hashCode());
    PackedCopy.pack(source, formats, target, PackingProgress.NONE);
    float[] last = new float[0];
    try (Checkpoint original = Checkpoint.open(source); Checkpoint packed = Checkpoint.open(target)) {
      assertThat(packed.isPacked()).isTrue();
      for (Kernels kernels : List.of(new ScalarKernels(), new VectorKernels())) {
        float[] expected = logits(original, original.weights(formats), kernels);
        last = logits(packed, packed.weights(), kernels);
        assertThat(bits(last)).as("%s, %s", formats, kernels).isEqualTo(bits(expected));
      }
      assertThat(packed.formats().get(WeightRole.ROUTER)).isIn(null, Set.of(WeightFormat.F32));
    }
    return last;
  }

  private static int[] bits(float[] values) {
    return IntStream.range(0, values.length).map(i -> Float.floatToRawIntBits(values[i])).toArray();
  }

  @ParameterizedTest
  @MethodSource("formats")
  void packedGivesTheBitsOfTheOriginalRoundedInMemory(WeightFormats formats) {
    float[] packed = requireSameBits(GoldenFiles.TINY_MODEL, formats);
    try (Checkpoint original = Checkpoint.open(GoldenFiles.TINY_MODEL)) {
      float[] exact = logits(original, original.weights(), new VectorKernels());
      double error = IntStream.range(0, exact.length).mapToDouble(i -> Math.abs(exact[i] - packed[i])).average()
          .orElseThrow();
      double size = IntStream.range(0, exact.length).mapToDouble(i -> Math.abs(exact[i])).average().orElseThrow();
      System.out.printf("%s: mean absolute logit error %.5f, mean absolute logit %.3f%n", formats, error, size);
      // A choice of experts that flips near a tie costs more than all rounding.
      assertThat(error / size).isBetween(formats.experts().isQuantised() ? 1e-5 : 0, formats.experts().isQuantised()
          ? 0.05
          : 0);
    }
  }

  @Test
  void aShardTakesTheMemoryThatWasStated() {
    WeightFormats formats = new WeightFormats(WeightFormat.INT4, WeightFormat.BF16, WeightFormat.BF16);
    PackedManifest manifest = PackedCopy.pack(GoldenFiles.TINY_MODEL, formats, directory, PackingProgress.NONE);
    try (Checkpoint packed = Checkpoint.open(directory)) {
      ExpertShardLoader loader = new ExpertShardLoader(packed);
      try (var shard = loader.load(packed.config().shards().getFirst())) {
        assertThat(loader.shardBytes()).isEqualTo(shard.bytes()).isEqualTo(8 * 3 * 64 * 128 * 9 / 16);
      }
      assertThat(packed.bytes()).isEqualTo(manifest.bytes());
      assertThat(packed.partCount()).isEqualTo(23);
    }
  }

  @Test
  void everythingBesidesWeightsIsCarriedOver() throws IOException {
    PackedCopy.pack(GoldenFiles.TINY_MODEL, PackedCopy.formats(WeightFormat.INT8, WeightFormat.BF16), directory,
        PackingProgress.NONE);
    for (String file : List.of("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json",
        "special_tokens_map.json", "MODEL_CARD.md", "eval-public.jsonl")) {
      assertThat(directory.resolve(file)).hasSameBinaryContentAs(GoldenFiles.TINY_MODEL.resolve(file));
    }
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .noneMatch(name -> name.contains("safetensors") || name
              .endsWith(".tmp") || name.endsWith(".journal"));
    }
  }

  @Test
  void aSourceWithMergedExperts() throws IOException {
    CheckpointCopy copy = CheckpointCopy.of(Files.createDirectories(directory.resolve("merged")));
    Map<String, Tensor> tensors = new LinkedHashMap<>(copy.tensors());
    for (int layer = 1; layer < 5; layer++) {
      for (String projection : List.of("gate_proj", "up_proj", "down_proj")) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Tensor expert = null;
        for (int id = 0; id < 32; id++) {
          expert = tensors.remove("model.layers.%d.mlp.experts.%d.%s.weight".formatted(layer, id, projection));
          bytes.writeBytes(expert.bytes());
        }
        tensors.put("model.layers.%d.mlp.experts.%s".formatted(layer, projection), new Tensor("BF16", List.of(32, expert
            .shape().get(0), expert.shape().get(1)), bytes.toByteArray()));
      }
    }
    toSinglePart(copy, tensors);
    WeightFormats formats = PackedCopy.formats(WeightFormat.INT4, WeightFormat.INT8);
    float[] merged = requireSameBits(copy.directory(), formats);
    try (Checkpoint apart = Checkpoint.open(GoldenFiles.TINY_MODEL)) {
      assertThat(merged).containsExactly(logits(apart, apart.weights(formats), new VectorKernels()));
    }
  }

  @Test
  void aSourceInF32() throws IOException {
    CheckpointCopy copy = CheckpointCopy.of(Files.createDirectories(directory.resolve("f32")));
    Map<String, Tensor> tensors = copy.tensors();
    tensors.replaceAll((_, tensor) -> tensor.toF32());
    toSinglePart(copy, tensors);
    WeightFormats formats = PackedCopy.formats(WeightFormat.INT8, WeightFormat.BF16);
    float[] logits = requireSameBits(copy.directory(), formats);
    try (Checkpoint bf16 = Checkpoint.open(GoldenFiles.TINY_MODEL)) {
      assertThat(logits).containsExactly(logits(bf16, bf16.weights(formats), new VectorKernels()));
    }
  }

  private static void toSinglePart(CheckpointCopy copy, Map<String, Tensor> tensors) throws IOException {
    for (int part = 1; part <= 3; part++) {
      Files.delete(copy.file(CheckpointCopy.partName(part)));
    }
    Files.delete(copy.file(CheckpointCopy.INDEX));
    copy.writePart("model.safetensors", tensors);
  }

  /// Experts 40 wide: their down projection has no whole quantisation groups, so it keeps its own format.
  @Test
  void columnsThatAreNoWholeGroupsAreNotQuantised() throws IOException {
    CheckpointCopy copy = CheckpointCopy.of(Files.createDirectories(directory.resolve("narrow")));
    Map<String, Tensor> tensors = copy.tensors();
    tensors.replaceAll(
        (name, tensor) -> name.contains("experts") && !name.endsWith("bias") ? narrowed(name, tensor) : tensor);
    toSinglePart(copy, tensors);
    copy.changeConfig(config -> config.put("moe_intermediate_size", 40));
    WeightFormats formats = PackedCopy.formats(WeightFormat.INT4, WeightFormat.INT8);
    requireSameBits(copy.directory(), formats);
    try (Checkpoint packed = Checkpoint.open(directory.resolve("packed-" + formats.hashCode()))) {
      assertThat(packed.formats().get(WeightRole.EXPERT)).containsExactlyInAnyOrder(WeightFormat.INT4,
          WeightFormat.BF16);
    }
  }

  /// The first 40 of 64 inner dimensions.
  private static Tensor narrowed(String name, Tensor tensor) {
    int columns = tensor.shape().get(1);
    boolean isDown = name.contains("down_proj");
    if (!isDown) {
      return new Tensor(tensor.dtype(), List.of(40, columns), Arrays.copyOf(tensor.bytes(), 40 * columns * 2));
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int row = 0; row < tensor.shape().get(0); row++) {
      bytes.write(tensor.bytes(), row * columns * 2, 40 * 2);
    }
    return new Tensor(tensor.dtype(), List.of(tensor.shape().get(0), 40), bytes.toByteArray());
  }

  @Test
  void aDenseModelWithThreeProjectionsToStack() {
    requireSameBits(GoldenFiles.DIRECTORY.resolve("llada8b-tiny-random"), PackedCopy.formats(WeightFormat.INT4,
        WeightFormat.INT8));
  }
}
