package io.llada.expertnode;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ShardImages;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointJson;
import io.llada.model.packed.PackedFile;
import io.llada.model.packed.PackedManifestJson;
import io.llada.model.packing.DurableFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Images of shards on a local disk: `DIRECTORY/MODEL DIGEST/layer-LLL-group-GGG.shard`. It survives restarts, and is
/// nothing but a copy: what is wrong in it is deleted and loaded from elsewhere.
///
/// A file is [#MAGIC], the length of a header (4 bytes, little-endian), the header in JSON (model, numerics class,
/// probe, manifest), the image. Thread-safe for different shards; a directory belongs to one node.
final class ShardCache {
  private static final Logger LOG = LoggerFactory.getLogger(ShardCache.class);
  private static final byte[] MAGIC = "LLADASH1".getBytes(StandardCharsets.US_ASCII);
  private static final int PREFIX_BYTES = MAGIC.length + Integer.BYTES;
  private static final int LARGEST_HEADER = 1 << 20;
  private static final int WRITE_BYTES = 4 << 20;

  private final Path directory;
  private final ShardImages images;
  private final String numericsClass;

  /// @param root shared by all models
  /// @throws UncheckedIOException when the directory cannot be made
  ShardCache(Path root, ExpertNodeModel model) {
    directory = root.resolve(model.digest());
    images = new ShardImages(model.outline());
    numericsClass = model.numericsClass();
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException("the shard cache %s cannot be made: %s".formatted(directory, e.getMessage()), e);
    }
  }

  Path file(ShardId id) {
    return directory.resolve("layer-%03d-group-%03d.shard".formatted(id.layer(), id.group()));
  }

  boolean contains(ShardId id) {
    return Files.exists(file(id));
  }

  /// Opens a shard's file; its bytes are checked when they are read.
  ///
  /// @throws CheckpointException when it is not what it should be
  ShardOffer open(ShardId id) {
    Path file = file(id);
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
      try {
        return open(id, file, channel);
      } catch (RuntimeException | IOException e) {
        close(channel);
        throw e;
      }
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(file, e), e);
    }
  }

  private ShardOffer open(ShardId id, Path file, FileChannel channel) throws IOException {
    JsonNode header = CheckpointJson.object(file + " (header)", header(file, channel));
    if (!header.path("model").asText().equals(images.outline().digest())) {
      throw new CheckpointException("%s: made for model %s, expected %s".formatted(file, header.path("model").asText(),
          images.outline().digest()));
    }
    PackedFile manifest = PackedManifestJson.file(file.toString(), header.path("file"));
    images.require(id, manifest, file.toString());
    long expected = Math.addExact(channel.position(), manifest.bytes());
    if (channel.size() != expected) {
      throw new CheckpointException("%s: %d bytes, expected %d: it is truncated or another file".formatted(file, channel
          .size(), expected));
    }
    Optional<String> probe = header.path("numerics").asText().equals(numericsClass)
        ? Optional.of(header.path("probe").asText())
        : Optional.empty();
    return new ShardOffer(images.weights(new ShardImages.Image(id, manifest, channel, file.toString())), probe,
        () -> close(channel));
  }

  private static byte[] header(Path file, FileChannel channel) throws IOException {
    ByteBuffer prefix = read(file, channel, PREFIX_BYTES);
    byte[] magic = new byte[MAGIC.length];
    prefix.get(magic);
    int length = prefix.getInt();
    if (!Arrays.equals(magic, MAGIC) || length < 2 || length > LARGEST_HEADER) {
      throw new CheckpointException("%s: is no shard, or of another version".formatted(file));
    }
    return read(file, channel, length).array();
  }

  private static ByteBuffer read(Path file, FileChannel channel, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new CheckpointException("%s: ends after %d bytes".formatted(file, channel.size()));
      }
    }
    return buffer.flip();
  }

  private static void close(FileChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      LOG.debug("a cache file that was read could not be closed", e);
    }
  }

  /// Deletes a file that turned out to be wrong.
  void discard(ShardId id) {
    try {
      Files.deleteIfExists(file(id));
    } catch (IOException e) {
      LOG.warn("{} is damaged and cannot be deleted: {}", file(id), e.getMessage());
    }
  }

  /// Writes a shard, whole or not at all. A full disk is no failure: the node has the shard in memory.
  void write(LoadedShard loaded) {
    PackedFile manifest = loaded.manifest();
    ObjectNode header = JsonNodeFactory.instance.objectNode().put("model", images.outline().digest()).put("numerics",
        numericsClass).put("probe", loaded.probe());
    header.set("file", PackedManifestJson.writeFile(manifest));
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    Path file = file(loaded.shard().id());
    try {
      DurableFile.write(file, sink -> {
        sink.write(ByteBuffer.allocate(PREFIX_BYTES).order(ByteOrder.LITTLE_ENDIAN).put(MAGIC).putInt(json.length)
            .flip());
        sink.write(ByteBuffer.wrap(json));
        for (MemorySegment segment : ShardImages.bytes(loaded.shard())) {
          for (long at = 0; at < segment.byteSize(); at += WRITE_BYTES) {
            sink.write(segment.asSlice(at, Math.min(WRITE_BYTES, segment.byteSize() - at)).asByteBuffer());
          }
        }
      });
      LOG.debug("{} written", file);
    } catch (CheckpointException e) {
      LOG.warn("{} is not in the cache, the node serves it from memory: {}", loaded.shard().id(), e.getMessage());
    }
  }
}
