package io.llada.deploy.synth;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.deploy.failure.CommandFailedException;
import io.llada.deploy.offline.JsonLines;
import io.llada.model.checkpoint.TensorNames;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.ModelConfigReader;
import io.llada.model.kernel.ComputePool;
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

  private SyntheticCheckpoint() {}

  /// Writes the checkpoint.
  ///
  /// @param directory new or empty
  /// @param progress told the parts written so far and in all
  /// @throws CommandFailedException when there is no room for it
  public static void write(Path directory, SyntheticShape shape, long seed, ComputePool pool,
      BiConsumer<Integer, Integer> progress) throws IOException {
    requireEmpty(directory);
    SyntheticConfiguration.write(directory, shape);
    SyntheticTokenizer.write(directory, shape);
    Map<String, List<Integer>> tensors = tensors(ModelConfigReader.read(directory));
    long bytes = tensors.values().stream().mapToLong(PartWriter::bytes).sum();
    long room = Files.getFileStore(directory).getUsableSpace();
    if (room < bytes) {
      throw new CommandFailedException("%s has room for %d bytes, the checkpoint takes %d; choose fewer --layers"
          .formatted(directory, room, bytes));
    }
    List<Map<String, List<Integer>>> parts = parts(tensors);
    PartWriter writer = new PartWriter(new SyntheticWeights(shape, seed), pool);
    ObjectNode index = JsonLines.JSON.createObjectNode();
    index.putObject("metadata").put("total_size", bytes);
    ObjectNode partOfTensor = index.putObject("weight_map");
    for (int i = 0; i < parts.size(); i++) {
      String name = "model-%05d-of-%05d.safetensors".formatted(i + 1, parts.size());
      writer.write(directory.resolve(name), parts.get(i));
      parts.get(i).keySet().forEach(tensor -> partOfTensor.put(tensor, name));
      progress.accept(i + 1, parts.size());
    }
    // Last, so that an interrupted checkpoint does not open.
    JsonLines.JSON.writerWithDefaultPrettyPrinter().writeValue(directory.resolve("model.safetensors.index.json")
        .toFile(), index);
  }

  private static void requireEmpty(Path directory) throws IOException {
    Files.createDirectories(directory);
    try (Stream<Path> files = Files.list(directory)) {
      if (files.findAny().isPresent()) {
        throw new CommandFailedException(directory + " is not empty; nothing is overwritten, name a new directory");
      }
    }
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

  private static List<Map<String, List<Integer>>> parts(Map<String, List<Integer>> tensors) {
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
