package io.llada.model.layer;

import static io.llada.model.checkpoint.CheckpointCopy.INDEX;
import static io.llada.model.checkpoint.CheckpointCopy.partName;
import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.CheckpointCopy;
import io.llada.model.checkpoint.CheckpointCopy.Tensor;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.kernel.VectorKernels;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// One model, stored in every way that is allowed, gives the same logits, bit for bit.
class CheckpointVariantsTest {
  private static final int[] IDS = {1, 5, 900, 17, 1988, 1988};
  private static final float[] EXPECTED = logits(GoldenFiles.TINY_MODEL);

  @TempDir
  Path directory;
  private Path checkpoint;
  private CheckpointCopy copy;

  @BeforeEach
  void copyTheTinyModel() throws IOException {
    checkpoint = Files.createDirectories(directory.resolve("snapshots/abc"));
    copy = CheckpointCopy.of(checkpoint);
  }

  private static float[] logits(Path checkpoint) {
    return LocalModel.load(checkpoint, new VectorKernels()).logits(IDS, LayerProbe.NONE);
  }

  private void toSinglePart(Map<String, Tensor> tensors) throws IOException {
    for (String file : List.of(partName(1), partName(2), partName(3), INDEX)) {
      Files.delete(copy.file(file));
    }
    copy.writePart("model.safetensors", tensors);
  }

  @Test
  void inOneFileWithoutAnIndex() throws IOException {
    toSinglePart(copy.tensors());
    assertThat(logits(checkpoint)).containsExactly(EXPECTED);
    try (Checkpoint open = Checkpoint.open(checkpoint); Checkpoint inParts = Checkpoint.open(GoldenFiles.TINY_MODEL)) {
      assertThat(open.partCount()).isEqualTo(1);
      assertThat(open.bytes()).isEqualTo(inParts.bytes()).isEqualTo(8261504);
      assertThat(open.tensorCount()).isEqualTo(inParts.tensorCount());
      assertThat(open.digest()).isNotEqualTo(inParts.digest());
    }
  }

  @Test
  void anotherTrainingOfTheSameShapeHasAnotherDigest() throws IOException {
    Path part = copy.file(partName(2));
    byte[] bytes = Files.readAllBytes(part);
    int data = 8 + (int) java.nio.ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN).getLong(0);
    for (int i = data; i < bytes.length; i += 2) {
      bytes[i] ^= 1; // the lowest bit of every weight
    }
    Files.write(part, bytes);
    try (Checkpoint open = Checkpoint.open(checkpoint); Checkpoint other = Checkpoint.open(GoldenFiles.TINY_MODEL)) {
      assertThat(open.digest()).isNotEqualTo(other.digest()).hasSize(64);
    }
  }

  @Test
  void withTheExpertsOfALayerMerged() throws IOException {
    Map<String, Tensor> merged = new LinkedHashMap<>(copy.tensors());
    for (int layer = 1; layer < 5; layer++) {
      for (String projection : List.of("gate_proj", "up_proj", "down_proj")) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Tensor expert = null;
        for (int id = 0; id < 32; id++) {
          expert = merged.remove("model.layers.%d.mlp.experts.%d.%s.weight".formatted(layer, id, projection));
          bytes.writeBytes(expert.bytes());
        }
        merged.put("model.layers.%d.mlp.experts.%s".formatted(layer, projection), new Tensor("BF16", List.of(32, expert
            .shape().get(0), expert.shape().get(1)), bytes.toByteArray()));
      }
    }
    toSinglePart(merged);
    assertThat(logits(checkpoint)).containsExactly(EXPECTED);
  }

  @Test
  void inPartsNumberedFromZero() throws IOException {
    for (int part = 1; part <= 3; part++) {
      Files.move(copy.file(partName(part)), copy.file(partName(part - 1)));
    }
    copy.changeIndex(index -> index.properties().forEach(entry -> index.put(entry.getKey(), partName(Integer.parseInt(
        entry.getValue().asText().substring(10, 11)) - 1))));
    assertThat(logits(checkpoint)).containsExactly(EXPECTED);
  }

  @Test
  void withOnePartInF32() throws IOException {
    Map<String, Tensor> tensors = copy.tensors(partName(2));
    tensors.replaceAll((_, tensor) -> tensor.toF32());
    copy.writePart(partName(2), tensors);
    assertThat(logits(checkpoint)).containsExactly(EXPECTED);
  }

  @Test
  void inTheFormOfADownloadCache() throws IOException {
    Path blobs = Files.createDirectories(directory.resolve("blobs"));
    for (int part = 1; part <= 3; part++) {
      Files.move(copy.file(partName(part)), blobs.resolve("sha" + part));
      Files.createSymbolicLink(copy.file(partName(part)), Path.of("../../blobs/sha" + part));
    }
    assertThat(logits(checkpoint)).containsExactly(EXPECTED);
  }

  @Test
  void theStatedShardSizeIsTheLargestLoaded() throws IOException {
    Map<String, Tensor> tensors = copy.tensors(partName(2));
    tensors.replaceAll((_, tensor) -> tensor.toF32());
    copy.writePart(partName(2), tensors);
    try (Checkpoint open = Checkpoint.open(checkpoint)) {
      ExpertShardLoader loader = new ExpertShardLoader(open);
      long largest = open.config().shards().stream().mapToLong(id -> {
        try (var shard = loader.load(id)) {
          return shard.bytes();
        }
      }).max().orElseThrow();
      assertThat(loader.shardBytes()).isEqualTo(largest).isEqualTo(8L * 3 * 64 * 128 * 4);
    }
  }
}
