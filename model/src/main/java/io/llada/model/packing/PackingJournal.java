package io.llada.model.packing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointJson;
import io.llada.model.packed.PackedFile;
import io.llada.model.packed.PackedManifest;
import io.llada.model.packed.PackedManifestJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What is finished of a checkpoint that is being packed: a line for source and formats, then one for every file.
///
/// Lines are appended and forced after the file itself; a last line that was cut off counts as not written. The journal
/// is locked while it is open, so that two processes cannot pack into one directory.
final class PackingJournal implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;
  private final Map<String, PackedFile> finished = new HashMap<>();

  private PackingJournal(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /// Opens the journal of a directory, or begins one.
  ///
  /// @throws CheckpointException when it belongs to another source or other formats, or another process writes it
  static PackingJournal open(Path directory, PackedManifestJson.Head head) {
    Path path = directory.resolve(PackedManifest.JOURNAL);
    try {
      PackingJournal journal = new PackingJournal(path, FileChannel.open(path, StandardOpenOption.CREATE,
          StandardOpenOption.READ, StandardOpenOption.WRITE));
      try {
        journal.lock();
        journal.read(head);
        return journal;
      } catch (IOException | RuntimeException e) {
        journal.channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw DurableFile.cannotWrite(path, e);
    }
  }

  private void lock() throws IOException {
    boolean isOurs;
    try {
      isOurs = channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      isOurs = false;
    }
    if (!isOurs) {
      throw new CheckpointException("%s: another process is packing into this directory".formatted(path));
    }
  }

  private void read(PackedManifestJson.Head head) throws IOException {
    byte[] bytes = Channels.newInputStream(channel).readAllBytes();
    int from = 0;
    for (int to = lineEnd(bytes, from); to >= 0; to = lineEnd(bytes, from)) {
      JsonNode line = CheckpointJson.object(path.toString(), Arrays.copyOfRange(bytes, from, to));
      if (from == 0) {
        requireSame(path, PackedManifestJson.head(path.toString(), line, Set.of()), head);
      } else {
        PackedFile file = PackedManifestJson.file(path.toString(), line);
        finished.put(file.name(), file);
      }
      from = to + 1;
    }
    channel.truncate(from);
    channel.position(from);
    if (from == 0) {
      append(PackedManifestJson.writeHead(head));
    }
  }

  private static int lineEnd(byte[] bytes, int from) {
    for (int i = from; i < bytes.length; i++) {
      if (bytes[i] == '\n') {
        return i;
      }
    }
    return -1;
  }

  /// Refuses to mix two packings in one directory.
  static void requireSame(Path path, PackedManifestJson.Head found, PackedManifestJson.Head head) {
    if (!found.sourceDigest().equals(head.sourceDigest())) {
      throw new CheckpointException(
          "%s: begun from another source (digest %s, this one has %s); choose another directory"
              .formatted(path, found.sourceDigest(), head.sourceDigest()));
    }
    if (!found.formats().equals(head.formats())) {
      throw new CheckpointException(
          "%s: begun with other options (%s, asked for %s); choose another directory".formatted(
              path, found.formats(), head.formats()));
    }
  }

  /// A file that was finished before; whether it still is what it was is for the caller to check.
  Optional<PackedFile> finished(String file) {
    return Optional.ofNullable(finished.get(file));
  }

  /// Notes that a file is finished.
  void add(PackedFile file) {
    try {
      append(PackedManifestJson.writeFile(file));
    } catch (IOException e) {
      throw DurableFile.cannotWrite(path, e);
    }
  }

  private void append(ObjectNode line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    channel.force(false);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw DurableFile.cannotWrite(path, e);
    }
  }
}
