package io.llada.model.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Finds files of a checkpoint directory. No link leads out of it unseen.
public final class CheckpointFile {
  private CheckpointFile() {}

  /// A file's path. Links are followed only within the directory, or into the `blobs` folder beside a Hugging Face
  /// cache snapshot, which is how that cache stores files.
  ///
  /// @param file a plain name; the file need not exist
  /// @throws CheckpointException when it links to the outside or is there but no regular file
  public static Path resolve(Path directory, String file) {
    Path path = directory.resolve(file);
    try {
      Path root = directory.toRealPath();
      Path real = Files.exists(path) ? path.toRealPath() : root.resolve(file);
      Path parent = root.getParent();
      Path blobs = parent != null && parent.endsWith("snapshots") ? parent.resolveSibling("blobs") : root;
      if (!real.startsWith(root) && !real.startsWith(blobs)) {
        throw new CheckpointException("%s: links to %s, outside the checkpoint".formatted(path, real));
      }
      if (Files.exists(real) && !Files.isRegularFile(real)) {
        throw new CheckpointException("%s: not a regular file".formatted(path));
      }
      return path;
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be resolved: %s".formatted(path, e), e);
    }
  }
}
