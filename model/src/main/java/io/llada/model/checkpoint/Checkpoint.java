package io.llada.model.checkpoint;

import io.llada.model.files.CheckpointException;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.ModelConfigReader;
import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A validated checkpoint directory: configuration, index and mapped safetensors parts.
///
/// A checkpoint is hostile until proven otherwise. Opening checks every name, shape and range; reading a tensor checks
/// that it is finite. The index is authoritative: parts may be numbered in any way.
public final class Checkpoint implements AutoCloseable {
  private static final List<String> PROJECTIONS = List.of("gate_proj", "up_proj", "down_proj");

  private final Path directory;
  private final ModelConfig config;
  private final TensorNames names;
  private final Map<String, SafetensorsPart> partOfTensor;
  private final String digest;
  private final Arena arena;

  private Checkpoint(Path directory, ModelConfig config, Map<String, SafetensorsPart> partOfTensor, String digest,
      Arena arena) {
    this.directory = directory;
    this.config = config;
    this.names = new TensorNames(config);
    this.partOfTensor = partOfTensor;
    this.digest = digest;
    this.arena = arena;
  }

  /// Opens and validates a checkpoint directory. Nothing is allocated from sizes that were not checked first.
  ///
  /// @throws CheckpointException naming file and tensor, what was expected and what was found
  public static Checkpoint open(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new CheckpointException("%s: not a directory; expected a checkpoint with config.json".formatted(directory));
    }
    ModelConfig config = ModelConfigReader.read(directory);
    Arena arena = Arena.ofShared();
    try {
      Map<String, SafetensorsPart> parts = CheckpointParts.map(directory, arena);
      Checkpoint checkpoint = new Checkpoint(directory, config, parts, CheckpointDigest.of(directory, parts.values()),
          arena);
      checkpoint.requireExactlyTheExpectedTensors();
      return checkpoint;
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private void requireExactlyTheExpectedTensors() {
    Set<String> expected = new HashSet<>();
    names.required().forEach((name, shape) -> require(name, shape, expected));
    for (Map<String, List<Integer>> kind : names.optional()) {
      // In all layers or in none: a single missing bias or norm would change the numbers without a word.
      if (kind.keySet().stream().anyMatch(this::contains)) {
        kind.forEach((name, shape) -> require(name, shape, expected));
      }
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      requireOneType(names.queryKeyValue(layer));
      if (config.isMoeLayer(layer)) {
        requireExperts(layer, expected);
      }
    }
    for (Map.Entry<String, SafetensorsPart> tensor : partOfTensor.entrySet()) {
      if (!expected.contains(tensor.getKey())) {
        throw new CheckpointException("%s: tensor %s is unexpected for %s".formatted(tensor.getValue().file(),
            tensor.getKey(), config.family()));
      }
    }
  }

  /// Q, K and V are stacked into one matrix.
  private void requireOneType(List<String> stacked) {
    for (String name : stacked) {
      ElementType first = partOfTensor.get(stacked.getFirst()).entries().get(stacked.getFirst()).type();
      ElementType type = partOfTensor.get(name).entries().get(name).type();
      if (type != first) {
        throw new CheckpointException("%s: tensor %s: expected %s as in %s, found %s".formatted(partOfTensor.get(name)
            .file(), name, first, stacked.getFirst(), type));
      }
    }
  }

  private void requireExperts(int layer, Set<String> expected) {
    int experts = config.moe().orElseThrow().experts();
    for (String projection : PROJECTIONS) {
      List<Integer> shape = names.expertShape(projection);
      if (contains(names.mergedExperts(layer, projection))) {
        require(names.mergedExperts(layer, projection), List.of(experts, shape.get(0), shape.get(1)), expected);
        continue;
      }
      for (int expert = 0; expert < experts; expert++) {
        require(names.expert(layer, expert, projection), shape, expected);
      }
    }
  }

  private void require(String name, List<Integer> shape, Set<String> expected) {
    SafetensorsPart part = partOfTensor.get(name);
    if (part == null) {
      throw new CheckpointException("%s: tensor %s is missing, expected shape %s".formatted(directory, name, shape));
    }
    List<Long> found = part.entries().get(name).shape();
    if (!found.equals(shape.stream().map(Integer::longValue).toList())) {
      throw new CheckpointException("%s: tensor %s: expected shape %s, found %s".formatted(part.file(), name, shape,
          found));
    }
    expected.add(name);
  }

  public Path directory() {
    return directory;
  }

  public ModelConfig config() {
    return config;
  }

  public TensorNames names() {
    return names;
  }

  public boolean contains(String tensor) {
    return partOfTensor.containsKey(tensor);
  }

  /// SHA-256 (hex) over config.json and samples of every part; equal on every process that serves the same
  /// checkpoint, different for another training of the same shape.
  public String digest() {
    return digest;
  }

  /// Bytes of all tensors.
  public long bytes() {
    return partOfTensor.entrySet().stream().mapToLong(tensor -> {
      SafetensorsPart.Entry entry = tensor.getValue().entries().get(tensor.getKey());
      return entry.end() - entry.begin();
    }).sum();
  }

  /// Number of tensors.
  public int tensorCount() {
    return partOfTensor.size();
  }

  /// Number of part files.
  public int partCount() {
    return (int) partOfTensor.values().stream().distinct().count();
  }

  /// A vector or matrix, checked to be finite.
  ///
  /// @throws CheckpointException naming file, tensor and index of a NaN or infinite weight
  public TensorView tensor(String name) {
    SafetensorsPart part = partOfTensor.get(name);
    if (part == null) {
      throw new CheckpointException("%s: tensor %s is missing".formatted(directory, name));
    }
    SafetensorsPart.Entry entry = part.entries().get(name);
    int dimensions = entry.shape().size();
    int rows = dimensions == 1 ? 1 : entry.shape().get(0).intValue();
    int columns = entry.shape().get(dimensions - 1).intValue();
    return finite(part, new TensorView(name, entry.type(), rows, columns, part.bytes(entry)));
  }

  /// Number format of one expert's projection.
  ///
  /// @param projection gate_proj, up_proj or down_proj
  public ElementType expertType(int layer, int expert, String projection) {
    String merged = names.mergedExperts(layer, projection);
    String name = contains(merged) ? merged : names.expert(layer, expert, projection);
    SafetensorsPart part = partOfTensor.get(name);
    if (part == null) {
      throw new CheckpointException("%s: tensor %s is missing".formatted(directory, name));
    }
    return part.entries().get(name).type();
  }

  /// One expert's projection, whether stored on its own or merged with the layer's others.
  ///
  /// @param projection gate_proj, up_proj or down_proj
  public TensorView expert(int layer, int expert, String projection) {
    String merged = names.mergedExperts(layer, projection);
    if (!contains(merged)) {
      return tensor(names.expert(layer, expert, projection));
    }
    SafetensorsPart part = partOfTensor.get(merged);
    SafetensorsPart.Entry entry = part.entries().get(merged);
    List<Integer> shape = names.expertShape(projection);
    long bytes = (long) shape.get(0) * shape.get(1) * entry.type().bytes();
    MemorySegment data = part.data().asSlice(entry.begin() + expert * bytes, bytes);
    return finite(part, new TensorView(merged + "[" + expert + "]", entry.type(), shape.get(0), shape.get(1), data));
  }

  private static TensorView finite(SafetensorsPart part, TensorView tensor) {
    long index = tensor.firstNonFinite();
    if (index >= 0) {
      throw new CheckpointException("%s: tensor %s: element %d is %s, expected finite weights".formatted(part.file(),
          tensor.name(), index, tensor.at(index / tensor.columns(), (int) (index % tensor.columns()))));
    }
    return tensor;
  }

  @Override
  public void close() {
    arena.close();
  }
}
