package io.llada.model.packing;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.PackedManifest;
import io.llada.model.packed.WeightFormats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// A packed checkpoint that a test may take apart.
public record PackedCopy(Path directory) {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static WeightFormats formats(WeightFormat experts, WeightFormat dense) {
    return new WeightFormats(experts, dense, dense);
  }

  /// Packs a checkpoint.
  public static PackedManifest pack(Path source, WeightFormats formats, Path target, PackingProgress progress) {
    try (Checkpoint checkpoint = Checkpoint.open(source); ComputePool pool = new ComputePool(2)) {
      return new CheckpointQuantiser(checkpoint, formats, pool, progress).pack(target);
    }
  }

  /// Copies a packed checkpoint, which is faster than packing it again.
  static PackedCopy of(Path packed, Path directory) throws IOException {
    Files.createDirectories(directory);
    try (Stream<Path> files = Files.list(packed)) {
      for (Path file : files.toList()) {
        Files.copy(file, directory.resolve(file.getFileName()));
      }
    }
    return new PackedCopy(directory);
  }

  Path file(String name) {
    return directory.resolve(name);
  }

  void changeManifest(Consumer<ObjectNode> change) throws IOException {
    ObjectNode manifest = (ObjectNode) JSON.readTree(file(PackedManifest.FILE).toFile());
    change.accept(manifest);
    JSON.writeValue(file(PackedManifest.FILE).toFile(), manifest);
  }

  /// Flips one bit of a file.
  static void flipBit(Path file, int at) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[at] ^= 1;
    Files.write(file, bytes);
  }
}
