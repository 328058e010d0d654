package io.llada.model.experts;

import io.llada.model.config.ShardId;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.packed.Layout;
import io.llada.model.packed.PackedEntry;
import io.llada.model.packed.PackedFile;
import io.llada.model.packed.PackedManifest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/// Shards as bytes that any machine can take in: the matrices of the experts one after the other, as the kernels read them,
/// and a manifest with shapes, formats and a SHA-256 of all. The bytes are those of a packed checkpoint's shard file.
///
/// Whoever sends an image may lie: everything is checked against the model before memory is taken, the checksum and
/// that all weights are finite before the shard is used. Thread-safe.
///
/// @param outline the model
public record ShardImages(ExpertOutline outline) {
  /// Bytes read, then hashed while they are still in the processor's cache.
  private static final int CHUNK = 1 << 20;
  private static final List<String> PROJECTIONS = List.of("gate_proj", "up_proj", "down_proj");

  /// One image, to be read once.
  ///
  /// @param id the shard
  /// @param manifest what is in it
  /// @param bytes as many as the manifest says
  /// @param origin where it comes from, for complaints
  public record Image(ShardId id, PackedFile manifest, ReadableByteChannel bytes, String origin) {}

  /// The bytes of an image, in order.
  public static List<MemorySegment> bytes(ExpertShard shard) {
    return shard.experts().stream().flatMap(expert -> matrices(expert).stream()).map(PackedMatrix::data).toList();
  }

  private static List<PackedMatrix> matrices(ExpertShard.Expert expert) {
    return List.of(expert.gate(), expert.up(), expert.down());
  }

  /// Reads all of a shard to describe it.
  public static PackedFile manifest(ExpertShard shard) {
    List<PackedEntry> entries = new ArrayList<>();
    long at = 0;
    for (int i = 0; i < shard.experts().size(); i++) {
      List<PackedMatrix> matrices = matrices(shard.experts().get(i));
      for (int projection = 0; projection < matrices.size(); projection++) {
        PackedMatrix matrix = matrices.get(projection);
        entries.add(new PackedEntry(name(shard.firstExpert() + i, projection), Layout.PANELS, matrix.format(), matrix
            .rows(), matrix.columns(), at));
        at += matrix.bytes();
      }
    }
    MessageDigest sha256 = PackedManifest.sha256();
    bytes(shard).forEach(segment -> sha256.update(segment.asByteBuffer()));
    return new PackedFile(fileName(shard.id()), at, HexFormat.of().formatHex(sha256.digest()), entries);
  }

  private static String name(int expert, int projection) {
    return "experts.%d.%s".formatted(expert, PROJECTIONS.get(projection));
  }

  private static String fileName(ShardId id) {
    return "layer-%03d-group-%03d.bin".formatted(id.layer(), id.group());
  }

  /// Checks that a manifest is that of a shard of this model.
  ///
  /// @param origin where it comes from
  /// @throws CheckpointException naming the entry, what was expected and what was found
  public void require(ShardId id, PackedFile manifest, String origin) {
    int perGroup = outline.moe().expertsPerGroup();
    if (!manifest.name().equals(fileName(id)) || manifest.entries().size() != PROJECTIONS.size() * perGroup) {
      throw new CheckpointException("%s: %s with %d matrices, expected %s with %d".formatted(origin, manifest.name(),
          manifest.entries().size(), fileName(id), PROJECTIONS.size() * perGroup));
    }
    for (int i = 0; i < manifest.entries().size(); i++) {
      PackedEntry entry = manifest.entries().get(i);
      int projection = i % PROJECTIONS.size();
      String name = name(id.group() * perGroup + i / PROJECTIONS.size(), projection);
      int rows = projection == 2 ? outline.hiddenSize() : outline.moe().expertWidth();
      int columns = projection == 2 ? outline.moe().expertWidth() : outline.hiddenSize();
      boolean isExpected = entry.name().equals(name) && entry.layout() == Layout.PANELS && entry.rows() == rows && entry
          .columns() == columns && outline.formats().contains(entry.format());
      if (!isExpected) {
        throw new CheckpointException("%s: %s (%d, %d) in %s %s, expected %s (%d, %d) in PANELS, one of %s".formatted(
            origin, entry.name(), entry.rows(), entry.columns(), entry.layout(), entry.format(), name, rows, columns,
            outline.formats()));
      }
    }
  }

  /// Takes a shard in.
  ///
  /// @return weights of this one shard
  public ShardWeights weights(Image image) {
    require(image.id(), image.manifest(), image.origin());
    return new ShardWeights() {
      @Override
      public long shardBytes(ShardId id) {
        return image.manifest().bytes();
      }

      @Override
      public ExpertShard load(ShardId id, SegmentAllocator memory, Runnable release) {
        return read(image, memory, release);
      }
    };
  }

  private ExpertShard read(Image image, SegmentAllocator memory, Runnable release) {
    PackedFile manifest = image.manifest();
    MemorySegment data = memory.allocate(manifest.bytes(), PackedMatrix.ALIGNMENT);
    try {
      fill(data, image);
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(image.origin(), e.getMessage()), e);
    }
    List<PackedMatrix> matrices = new ArrayList<>();
    for (PackedEntry entry : manifest.entries()) {
      PackedMatrix matrix = PackedMatrix.of(entry.format(), entry.rows(), entry.columns(), data.asSlice(entry.offset(),
          entry.bytes()));
      if (matrix.firstNonFinitePanel() >= 0) {
        throw new CheckpointException("%s: %s holds a weight that is not finite".formatted(image.origin(), entry
            .name()));
      }
      matrices.add(matrix);
    }
    List<ExpertShard.Expert> experts = new ArrayList<>();
    for (int i = 0; i < matrices.size(); i += PROJECTIONS.size()) {
      experts.add(new ExpertShard.Expert(matrices.get(i), matrices.get(i + 1), matrices.get(i + 2)));
    }
    return new ExpertShard(image.id(), image.id().group() * outline.moe().expertsPerGroup(), List.copyOf(experts),
        release);
  }

  private static void fill(MemorySegment data, Image image) throws IOException {
    MessageDigest sha256 = PackedManifest.sha256();
    for (long at = 0; at < data.byteSize();) {
      MemorySegment chunk = data.asSlice(at, Math.min(CHUNK, data.byteSize() - at));
      int read = image.bytes().read(chunk.asByteBuffer());
      if (read < 0) {
        throw new CheckpointException("%s: ends at %d of %d bytes".formatted(image.origin(), at, data.byteSize()));
      }
      sha256.update(chunk.asSlice(0, read).asByteBuffer());
      at += read;
    }
    if (image.bytes().read(ByteBuffer.allocate(1)) >= 0) {
      throw new CheckpointException("%s: goes on after %d bytes".formatted(image.origin(), data.byteSize()));
    }
    String found = HexFormat.of().formatHex(sha256.digest());
    if (!found.equals(image.manifest().sha256())) {
      throw new CheckpointException("%s: SHA-256 %s, expected %s: it is damaged".formatted(image.origin(), found, image
          .manifest().sha256()));
    }
  }
}
