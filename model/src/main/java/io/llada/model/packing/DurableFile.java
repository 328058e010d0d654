package io.llada.model.packing;

import io.llada.model.files.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// Writes files that are there whole or not at all, even after a power cut: a temporary name, force, atomic rename.
public final class DurableFile {
  private static final System.Logger LOG = System.getLogger(DurableFile.class.getName());
  private static final String TEMPORARY = ".tmp";

  private DurableFile() {}

  /// Fills a file.
  public interface Content {
    void writeTo(Sink sink) throws IOException;
  }

  /// Takes bytes in order.
  public interface Sink {
    void write(ByteBuffer bytes) throws IOException;
  }

  /// Writes a file, replacing what has its name.
  ///
  /// @throws CheckpointException when it cannot be written, for example for want of space; nothing is left behind
  public static void write(Path target, Content content) {
    Path temporary = target.resolveSibling(target.getFileName() + TEMPORARY);
    boolean isDone = false;
    try {
      try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
          StandardOpenOption.TRUNCATE_EXISTING)) {
        content.writeTo(bytes -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
        channel.force(true);
      }
      rename(temporary, target);
      forceDirectory(target.getParent());
      isDone = true;
    } catch (IOException e) {
      throw cannotWrite(target, e);
    } finally {
      if (!isDone) {
        delete(temporary);
      }
    }
  }

  /// The failure as one line that says what to do.
  static CheckpointException cannotWrite(Path target, IOException e) {
    return new CheckpointException(("%s: cannot be written: %s (%s free); make room and try again, "
        + "finished files are kept").formatted(target, e.getMessage(), free(target)), e);
  }

  private static String free(Path target) {
    try {
      return Files.getFileStore(target.getParent()).getUsableSpace() + " bytes";
    } catch (IOException e) {
      return "unknown space";
    }
  }

  private static void rename(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      throw new IOException("this file system has no atomic rename", e);
    }
  }

  /// Makes the rename itself survive a power cut. Only some systems let a directory be opened; the rest need no call.
  private static void forceDirectory(Path directory) throws IOException {
    if (!System.getProperty("os.name").startsWith("Windows")) {
      try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  private static void delete(Path temporary) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      // The failure that brought us here is the one to tell; the next run overwrites what is left.
      LOG.log(System.Logger.Level.DEBUG, "temporary file left behind", e);
    }
  }
}
