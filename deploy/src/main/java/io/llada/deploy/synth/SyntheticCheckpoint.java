package io.llada.deploy.synth;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.ComputedPart;
import io.llada.model.checkpoint.TensorNames;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.ModelConfigReader;
import io.llada.model.kernel.ComputePool;
import io.llada.model.packed.WeightFormats;
import io.llada.model.packing.CheckpointQuantiser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/// A checkpoint of random weights in a published shape: for measuring speed where the weights themselves do not matter.
/// The same shape and seed give the same bytes.
public final class SyntheticCheckpoint {
  /// Of weights in a part; with its header it stays below 2 GB.
  private static final long PART_BYTES = 1_980_000_000;
  private static final List<String> PROJECTIONS = List.of("gate_proj", "up_proj", "down_proj");

  private final SyntheticShape shape;
  private final SyntheticWeights weights;
  private final ComputePool pool;

  public SyntheticCheckpoint(SyntheticShape shape, long seed, ComputePool pool) {
    this.shape = shape;
    this.weights = new SyntheticWeights(shape, seed);
    this.pool = pool;
  }

  /// Writes it as it would be published: safetensors in BF16.
  ///
  /// @param directory new or empty
  /// @param progress told the parts written so far and in all
  /// @throws CommandFailedException when there is no room for it
  public void write(Path directory, BiConsumer<Integer, Integer> progress) throws IOException {
    requireEmpty(directory);
    writeSideFiles(directory);
    List<ComputedPart> parts = parts(directory);
    long bytes = parts.stream().mapToLong(part -> part.content().bytes()).sum();
    long room = Files.getFileStore(directory).getUsableSpace();
    if (room < bytes) {
      throw new CommandFailedException("%s has room for %d bytes, the checkpoint takes %d; choose fewer --layers"
          .formatted(directory, room, bytes));
    }
    PartWriter writer = new PartWriter(pool);
    ObjectNode index = JsonLines.JSON.createObjectNode();
    index.putObject("metadata").put("total_size", bytes);
    ObjectNode partOfTensor = index.putObject("weight_map");
    for (int i = 0; i < parts.size(); i++) {
      ComputedPart part = parts.get(i);
      writer.write(directory, part);
      part.tensors().keySet().forEach(tensor -> partOfTensor.put(tensor, part.file()));
      progress.accept(i + 1, parts.size());
    }
    // Last, so that an interrupted checkpoint does not open.
    JsonLines.JSON.writerWithDefaultPrettyPrinter().writeValue(directory.resolve("model.safetensors.index.json")
        .toFile(), index);
  }

  /// Writes what packing the published form would give, byte for byte, without writing that form first. Memory holds one
  /// file of the packed checkpoint at a time.
  ///
  /// @param directory new, empty, or left by an interrupted run
  /// @param progress told the files written so far and in all
  /// @throws io.llada.model.files.CheckpointException when the directory cannot be written
  public void pack(Path directory, WeightFormats formats, BiConsumer<Integer, Integer> progress) throws IOException {
    Path sideFiles = Files.createTempDirectory("llada-synth-");
    try {
      writeSideFiles(sideFiles);
      try (Checkpoint computed = Checkpoint.of(sideFiles, parts(sideFiles))) {
        int files = computed.packedPlan().files().size();
        int[] finished = new int[1];
        new CheckpointQuantiser(computed, formats, pool, (file, bytes, isKept) -> progress.accept(++finished[0], files))
            .pack(directory);
      }
    } finally {
      delete(sideFiles);
    }
  }

  private static void requireEmpty(Path directory) throws IOException {
    Files.createDirectories(directory);
    try (Stream<Path> files = Files.list(directory)) {
      if (files.findAny().isPresent()) {
        throw new CommandFailedException(directory + " is not empty; nothing is overwritten, name a new directory");
      }
    }
  }

  private void writeSideFiles(Path directory) throws IOException {
    SyntheticConfiguration.write(directory, shape);
    SyntheticTokenizer.write(directory, shape);
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(directory);
  }

  private List<ComputedPart> parts(Path directory) {
    List<Map<String, List<Integer>>> split = split(tensors(ModelConfigReader.read(directory)));
    List<ComputedPart> parts = new ArrayList<>();
    for (Map<String, List<Integer>> tensors : split) {
      parts.add(new ComputedPart("model-%05d-of-%05d.safetensors".formatted(parts.size() + 1, split.size()), tensors,
          new SyntheticPart(tensors, weights)));
    }
    return parts;
  }

  /// All tensors in the order of the forward pass, experts after the rest.
  private static Map<String, List<Integer>> tensors(ModelConfig config) {
    TensorNames names = new TensorNames(config);
    Map<String, List<Integer>> tensors = new LinkedHashMap<>(names.required());
    for (int layer = 0; layer < config.layers(); layer++) {
      int experts = config.isMoeLayer(layer) ? config.moe().orElseThrow().experts() : 0;
      for (int expert = 0; expert < experts; expert++) {
        for (String projection : PROJECTIONS) {
          tensors.put(names.expert(layer, expert, projection), names.expertShape(projection));
        }
      }
    }
    return tensors;
  }

  private static List<Map<String, List<Integer>>> split(Map<String, List<Integer>> tensors) {
    List<Map<String, List<Integer>>> parts = new ArrayList<>();
    long held = 0;
    for (Map.Entry<String, List<Integer>> tensor : tensors.entrySet()) {
      long bytes = PartWriter.bytes(tensor.getValue());
      if (parts.isEmpty() || held + bytes > PART_BYTES) {
        parts.add(new LinkedHashMap<>());
        held = 0;
      }
      parts.getLast().put(tensor.getKey(), tensor.getValue());
      held += bytes;
    }
    return parts;
  }
}
