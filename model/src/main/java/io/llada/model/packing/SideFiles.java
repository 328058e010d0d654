package io.llada.model.packing;

import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// What a checkpoint directory holds besides weights (configuration, tokenizer, model card), carried over as it is.
final class SideFiles {
  /// Weights in any format, and their indexes.
  private static final Pattern WEIGHTS = Pattern.compile(
      ".*\\.(safetensors|bin|pt|pth|ckpt|gguf|onnx|h5|msgpack|tmp)|.*\\.index\\.json|llada-packed\\..*");
  private static final int CHUNK = 1 << 20;

  private SideFiles() {}

  /// @throws CheckpointException when a file leads out of the source directory or cannot be written
  static void copy(Path source, Path target) {
    for (String name : names(source)) {
      Path from = CheckpointFile.resolve(source, name);
      DurableFile.write(target.resolve(name), sink -> {
        try (FileChannel channel = FileChannel.open(from, StandardOpenOption.READ)) {
          ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
          while (channel.read(chunk.clear()) >= 0) {
            sink.write(chunk.flip());
          }
        }
      });
    }
  }

  private static List<String> names(Path source) {
    try (Stream<Path> files = Files.list(source)) {
      return files.filter(Files::isRegularFile).map(file -> file.getFileName().toString()).filter(name -> !name
          .startsWith(".") && !WEIGHTS.matcher(name).matches()).sorted().toList();
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(source, e), e);
    }
  }
}
