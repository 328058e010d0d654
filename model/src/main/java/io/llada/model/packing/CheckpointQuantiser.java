package io.llada.model.packing;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.PackedPlan.PlannedFile;
import io.llada.model.checkpoint.PackedPlan.PlannedWeight;
import io.llada.model.checkpoint.WeightSource;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.Layout;
import io.llada.model.packed.PackedEntry;
import io.llada.model.packed.PackedFile;
import io.llada.model.packed.PackedManifest;
import io.llada.model.packed.PackedManifestJson;
import io.llada.model.packed.WeightFormats;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/// Packs an original checkpoint into a directory of its own, which every process loads like the original.
///
/// File by file, so that memory is bounded by the largest one (a shard, a layer's dense part, the LM head). Every file is
/// written durably and noted in a journal; a run that ended early goes on where it was. The manifest comes last and makes
/// the directory a checkpoint.
public final class CheckpointQuantiser {
  /// Packing one matrix is always worth a thread of its own.
  private static final long OPERATIONS = 1L << 40;
  /// Bytes handed to the file, and to the checksum, at once.
  private static final int CHUNK = 1 << 22;

  private final Checkpoint source;
  private final WeightSource weights;
  private final PackedManifestJson.Head head;
  private final ComputePool pool;
  private final PackingProgress progress;

  /// @throws CheckpointException when the source is packed itself
  public CheckpointQuantiser(Checkpoint source, WeightFormats formats, ComputePool pool, PackingProgress progress) {
    this.source = source;
    this.weights = source.weights(formats);
    this.head = new PackedManifestJson.Head(source.digest(), source.bytes(), formats);
    this.pool = pool;
    this.progress = progress;
  }

  /// Number of files that [#pack] reports.
  public int files() {
    return source.packedPlan().files().size();
  }

  /// Packs the checkpoint, or goes on with what an earlier run left. Run again on a finished directory, it checks every
  /// file and mends damaged ones.
  ///
  /// @param target a new or empty directory, or one in which the same source was packed with the same formats
  /// @return what is in it now
  /// @throws CheckpointException when the directory holds something else, or cannot be written
  public PackedManifest pack(Path target) {
    prepare(target);
    List<PackedFile> files = new ArrayList<>();
    try (PackingJournal journal = PackingJournal.open(target, head)) {
      Optional<PackedManifest> earlier = earlier(target);
      for (PlannedFile planned : source.packedPlan().files()) {
        Optional<PackedFile> finished = earlier.flatMap(manifest -> manifest.files().stream().filter(file -> file.name()
            .equals(planned.name())).findFirst()).or(() -> journal.finished(planned.name())).filter(
                file -> isWhole(target, file));
        PackedFile file = finished.orElseGet(() -> write(target, planned));
        if (finished.isEmpty()) {
          journal.add(file);
        }
        files.add(file);
        progress.finished(file.name(), file.bytes(), finished.isPresent());
      }
    }
    SideFiles.copy(source.directory(), target);
    PackedManifest manifest = new PackedManifest(head.sourceDigest(), head.sourceBytes(), head.formats(), files);
    byte[] json = PackedManifestJson.write(manifest).toPrettyString().getBytes(StandardCharsets.UTF_8);
    DurableFile.write(target.resolve(PackedManifest.FILE), sink -> sink.write(ByteBuffer.wrap(json)));
    delete(target.resolve(PackedManifest.JOURNAL));
    return manifest;
  }

  private void prepare(Path target) {
    try {
      Files.createDirectories(target);
      if (Files.isSameFile(target, source.directory())) {
        throw new CheckpointException("%s: the packed checkpoint needs a directory of its own".formatted(target));
      }
      boolean isOurs = Files.exists(target.resolve(PackedManifest.FILE)) || Files.exists(target.resolve(
          PackedManifest.JOURNAL));
      try (var found = Files.list(target)) {
        Optional<Path> other = isOurs ? Optional.empty() : found.findFirst();
        if (other.isPresent()) {
          throw new CheckpointException(("%s: not empty (it holds %s) and not begun by an earlier run; choose another "
              + "directory").formatted(target, other.get().getFileName()));
        }
      }
    } catch (IOException e) {
      throw DurableFile.cannotWrite(target.resolve(PackedManifest.FILE), e);
    }
  }

  private Optional<PackedManifest> earlier(Path target) {
    Path path = target.resolve(PackedManifest.FILE);
    if (!Files.exists(path)) {
      return Optional.empty();
    }
    PackedManifest manifest = PackedManifestJson.read(path);
    PackingJournal.requireSame(path,
        new PackedManifestJson.Head(manifest.sourceDigest(), manifest.sourceBytes(), manifest
            .formats()),
        head);
    return Optional.of(manifest);
  }

  private static boolean isWhole(Path target, PackedFile file) {
    Path path = target.resolve(file.name());
    try {
      if (!Files.isRegularFile(path) || Files.size(path) != file.bytes()) {
        return false;
      }
      MessageDigest sha256 = PackedManifest.sha256();
      ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
        while (channel.read(chunk.clear()) >= 0) {
          sha256.update(chunk.flip());
        }
      }
      return HexFormat.of().formatHex(sha256.digest()).equals(file.sha256());
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(path, e), e);
    }
  }

  private PackedFile write(Path target, PlannedFile planned) {
    MessageDigest sha256 = PackedManifest.sha256();
    List<PackedEntry> entries = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      Weight[] packed = packed(planned, arena);
      DurableFile.write(target.resolve(planned.name()), sink -> {
        long end = 0;
        for (int i = 0; i < packed.length; i++) {
          long offset = PackedEntry.align(end);
          put(MemorySegment.ofArray(new byte[(int) (offset - end)]), sha256, sink);
          put(packed[i].data(), sha256, sink);
          end = offset + packed[i].data().byteSize();
          PlannedWeight weight = planned.weights().get(i);
          entries.add(new PackedEntry(weight.name(), weight.role().layout(), packed[i].format(), weight.rows(), weight
              .columns(), offset));
        }
      });
    }
    return new PackedFile(planned.name(), entries.getLast().end(), HexFormat.of().formatHex(sha256.digest()), entries);
  }

  private static void put(MemorySegment data, MessageDigest sha256, DurableFile.Sink sink) throws IOException {
    for (long at = 0; at < data.byteSize(); at += CHUNK) {
      ByteBuffer chunk = data.asSlice(at, Math.min(CHUNK, data.byteSize() - at)).asByteBuffer();
      sha256.update(chunk.duplicate());
      sink.write(chunk);
    }
  }

  /// A weight as it goes to the file.
  private record Weight(WeightFormat format, MemorySegment data) {
    static Weight of(PackedMatrix matrix) {
      return new Weight(matrix.format(), matrix.data());
    }
  }

  private Weight[] packed(PlannedFile planned, Arena arena) {
    Weight[] packed = new Weight[planned.weights().size()];
    Optional<WeightSource.Shard> shard = planned.shard().stream().findFirst().map(id -> weights.shard(id, arena));
    WeightSource.Dense dense = planned.layer().isPresent()
        ? weights.layer(planned.layer().getAsInt(), arena)
        : weights.output(arena);
    pool.forEach(packed.length, OPERATIONS, i -> {
      PlannedWeight weight = planned.weights().get(i);
      packed[i] = switch (weight.role()) {
        case EMBEDDING -> {
          var embedding = weights.embedding();
          yield new Weight(WeightFormat.of(embedding.type()), embedding.data());
        }
        case VECTOR -> vector(dense.vector(weight.tensors().getFirst()), arena);
        case EXPERT -> Weight.of(shard.orElseThrow().expert(weight.expert(), weight.projection()));
        case DENSE, ROUTER, HEAD -> Weight.of(dense.matrix(weight.tensors()));
      };
    });
    return packed;
  }

  private static Weight vector(float[] values, Arena arena) {
    MemorySegment data = arena.allocate(Layout.ROWS.bytes(WeightFormat.F32, 1, values.length),
        PackedMatrix.ALIGNMENT);
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN), 0, values.length);
    return new Weight(WeightFormat.F32, data);
  }

  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      throw DurableFile.cannotWrite(path, e);
    }
  }
}
