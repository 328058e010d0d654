package io.llada.model.checkpoint;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.ModelConfigReader;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.PackedManifest;
import io.llada.model.packed.WeightFormats;
import io.llada.model.packed.WeightRole;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A validated checkpoint directory: configuration and weights, as published (safetensors) or packed.
///
/// A checkpoint is hostile until proven otherwise. Opening checks every name, shape and range; reading a weight checks
/// that it is finite.
public final class Checkpoint implements AutoCloseable {
  private final Path directory;
  private final ModelConfig config;
  private final WeightStore store;
  private final Arena arena;

  private Checkpoint(Path directory, ModelConfig config, WeightStore store, Arena arena) {
    this.directory = directory;
    this.config = config;
    this.store = store;
    this.arena = arena;
  }

  /// Opens and validates a checkpoint directory. Nothing is allocated from sizes that were not checked first.
  ///
  /// @throws CheckpointException naming file and tensor, what was expected and what was found
  public static Checkpoint open(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new CheckpointException("%s: not a directory; expected a checkpoint with config.json".formatted(directory));
    }
    Path journal = directory.resolve(PackedManifest.JOURNAL);
    if (Files.exists(journal) && !Files.exists(directory.resolve(PackedManifest.FILE))) {
      throw new CheckpointException("%s: packing was not finished; run it again with the same options to go on"
          .formatted(journal));
    }
    ModelConfig config = ModelConfigReader.read(directory);
    Arena arena = Arena.ofShared();
    try {
      return new Checkpoint(directory, config, store(directory, config, arena), arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /// A checkpoint of which only configuration and tokenizer are files: what a checkpoint with these parts would be, digest
  /// included.
  ///
  /// @param directory with config.json
  /// @throws CheckpointException as [#open]
  public static Checkpoint of(Path directory, List<ComputedPart> parts) {
    ModelConfig config = ModelConfigReader.read(directory);
    return new Checkpoint(directory, config,
        OriginalWeights.of(directory, config, CheckpointParts.of(directory, parts)),
        Arena.ofShared());
  }

  private static WeightStore store(Path directory, ModelConfig config, Arena arena) {
    boolean isOriginal = Files.exists(directory.resolve(CheckpointParts.INDEX)) || Files.exists(directory.resolve(
        CheckpointParts.SINGLE_PART));
    if (!Files.exists(directory.resolve(PackedManifest.FILE))) {
      return OriginalWeights.of(directory, config, CheckpointParts.map(directory, arena));
    }
    if (isOriginal) {
      // Which of them a process serves must not be a matter of taste.
      throw new CheckpointException("%s: %s and safetensors in one directory; keep one of them".formatted(directory,
          PackedManifest.FILE));
    }
    return PackedWeights.open(directory, config, arena);
  }

  public Path directory() {
    return directory;
  }

  public ModelConfig config() {
    return config;
  }

  public TensorNames names() {
    return store.names();
  }

  /// Whether the weights were packed before.
  public boolean isPacked() {
    return store instanceof PackedWeights;
  }

  /// The weights, in the formats in which they are stored.
  public WeightSource weights() {
    return store;
  }

  /// The weights of an original, rounded to other formats while they are loaded.
  ///
  /// @throws CheckpointException when this checkpoint is packed: rounding twice would lose more than its format says
  public WeightSource weights(WeightFormats formats) {
    if (store instanceof OriginalWeights original) {
      return original.in(formats);
    }
    throw new CheckpointException("%s: already packed; pack the original instead".formatted(directory.resolve(
        PackedManifest.FILE)));
  }

  /// What a packed copy of this checkpoint holds, file by file.
  public PackedPlan packedPlan() {
    return PackedPlan.of(config, store.names(), store::contains);
  }

  /// SHA-256 (hex) that names the content: equal on every process that serves the same checkpoint, different for
  /// another training of the same shape and for another number format. Of an original it covers samples, see
  /// [CheckpointDigest]; of a packed checkpoint everything.
  public String digest() {
    return store.digest();
  }

  /// Bytes of all tensors.
  public long bytes() {
    return store.bytes();
  }

  /// Number of tensors.
  public int tensorCount() {
    return store.tensorCount();
  }

  /// Number of files with weights.
  public int partCount() {
    return store.partCount();
  }

  /// The number formats of each role.
  public Map<WeightRole, Set<WeightFormat>> formats() {
    return store.formats();
  }

  @Override
  public void close() {
    arena.close();
  }
}
