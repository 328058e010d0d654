package io.llada.model.checkpoint;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.ShardId;
import io.llada.model.files.CheckpointException;
import io.llada.model.files.CheckpointFile;
import io.llada.model.kernel.LargePages;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.PackedEntry;
import io.llada.model.packed.PackedFile;
import io.llada.model.packed.PackedManifest;
import io.llada.model.packed.PackedManifestJson;
import io.llada.model.packed.WeightRole;
import io.llada.model.tensor.TensorView;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Weights that were packed before: whole files are read into the memory of the kernels, where their checksum is taken,
/// so that what was checked is what is used. The embedding alone is mapped.
final class PackedWeights implements WeightStore {
  /// Bytes read, then hashed while they are still in the processor's cache.
  private static final int CHUNK = 1 << 20;

  private final Path directory;
  private final TensorNames names;
  private final PackedManifest manifest;
  private final Map<String, PackedFile> files = new HashMap<>();
  private final Set<String> entryNames = new HashSet<>();
  private final PackedPlan plan;
  private final String digest;
  private final Arena arena;

  private PackedWeights(Path directory, ModelConfig config, PackedManifest manifest, String digest, Arena arena) {
    this.directory = directory;
    this.names = new TensorNames(config);
    this.manifest = manifest;
    for (PackedFile file : manifest.files()) {
      files.put(file.name(), file);
      file.entries().forEach(entry -> entryNames.add(entry.name()));
    }
    this.plan = PackedPlan.of(config, names, this::contains);
    this.digest = digest;
    this.arena = arena;
  }

  /// Reads the manifest and compares it with the model and with the files' sizes.
  static PackedWeights open(Path directory, ModelConfig config, Arena arena) {
    PackedManifest manifest = PackedManifestJson.read(CheckpointFile.resolve(directory, PackedManifest.FILE));
    try {
      String digest = manifest.digest(Files.readAllBytes(directory.resolve("config.json")));
      PackedWeights weights = new PackedWeights(directory, config, manifest, digest, arena);
      weights.requireExactlyThePlannedWeights();
      for (PackedFile file : manifest.files()) {
        weights.requireSize(file);
      }
      return weights;
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(directory, e), e);
    }
  }

  private void requireExactlyThePlannedWeights() {
    Set<String> planned = new HashSet<>();
    for (PackedPlan.PlannedFile file : plan.files()) {
      planned.add(file.name());
      PackedFile found = files.get(file.name());
      if (found == null) {
        throw new CheckpointException("%s: file %s is missing".formatted(manifestFile(), file.name()));
      }
      Map<String, PackedEntry> entries = new HashMap<>();
      found.entries().forEach(entry -> entries.put(entry.name(), entry));
      for (PackedPlan.PlannedWeight weight : file.weights()) {
        require(file.name(), weight, entries.remove(weight.name()));
      }
      if (!entries.isEmpty()) {
        throw new CheckpointException("%s: file %s: entry %s is unexpected".formatted(manifestFile(), file.name(),
            entries.keySet().iterator().next()));
      }
    }
    for (String file : files.keySet()) {
      if (!planned.contains(file)) {
        throw new CheckpointException("%s: file %s is unexpected".formatted(manifestFile(), file));
      }
    }
  }

  private void require(String file, PackedPlan.PlannedWeight weight, PackedEntry found) {
    String where = "%s: file %s: entry %s".formatted(manifestFile(), file, weight.name());
    if (found == null) {
      throw new CheckpointException(where + " is missing");
    }
    if (found.rows() != weight.rows() || found.columns() != weight.columns()) {
      throw new CheckpointException("%s: expected shape (%d, %d), found (%d, %d)".formatted(where, weight.rows(), weight
          .columns(), found.rows(), found.columns()));
    }
    if (found.layout() != weight.role().layout()) {
      throw new CheckpointException("%s: expected layout %s, found %s".formatted(where, weight.role().layout(), found
          .layout()));
    }
    if (!manifest.formats().allow(found.format(), weight.role(), weight.columns())) {
      throw new CheckpointException("%s: format %s does not agree with %s".formatted(where, found.format(), manifest
          .formats()));
    }
  }

  private void requireSize(PackedFile file) throws IOException {
    Path path = CheckpointFile.resolve(directory, file.name());
    if (!Files.exists(path)) {
      throw new CheckpointException("%s: no such file, though %s lists it".formatted(path, PackedManifest.FILE));
    }
    if (Files.size(path) != file.bytes()) {
      throw new CheckpointException("%s: %d bytes, expected %d: it is truncated or another file".formatted(path, Files
          .size(path), file.bytes()));
    }
  }

  private Path manifestFile() {
    return directory.resolve(PackedManifest.FILE);
  }

  @Override
  public TensorNames names() {
    return names;
  }

  @Override
  public boolean contains(String tensor) {
    return entryNames.contains(tensor);
  }

  @Override
  public String digest() {
    return digest;
  }

  @Override
  public long bytes() {
    return manifest.bytes();
  }

  @Override
  public int tensorCount() {
    return manifest.files().stream().mapToInt(file -> file.entries().size()).sum();
  }

  @Override
  public int partCount() {
    return manifest.files().size();
  }

  @Override
  public long shardBytes(ShardId id) {
    return files.get(PackedPlan.shardFile(id)).bytes();
  }

  @Override
  public Map<WeightRole, Set<WeightFormat>> formats() {
    Map<WeightRole, Set<WeightFormat>> formats = new EnumMap<>(WeightRole.class);
    for (PackedPlan.PlannedFile file : plan.files()) {
      Map<String, PackedEntry> entries = new HashMap<>();
      files.get(file.name()).entries().forEach(entry -> entries.put(entry.name(), entry));
      for (PackedPlan.PlannedWeight weight : file.weights()) {
        formats.computeIfAbsent(weight.role(), _ -> EnumSet.noneOf(WeightFormat.class)).add(entries.get(weight.name())
            .format());
      }
    }
    return formats;
  }

  @Override
  public TensorView embedding() {
    PackedFile file = files.get(PackedPlan.EMBEDDING);
    Path path = CheckpointFile.resolve(directory, file.name());
    try (FileChannel channel = open(path)) {
      MemorySegment data = channel.map(FileChannel.MapMode.READ_ONLY, 0, file.bytes(), arena);
      MessageDigest sha256 = PackedManifest.sha256();
      for (long at = 0; at < file.bytes(); at += CHUNK) {
        sha256.update(data.asSlice(at, Math.min(CHUNK, file.bytes() - at)).asByteBuffer());
      }
      requireChecksum(path, file, sha256);
      PackedEntry entry = file.entries().getFirst();
      return finite(path, entry, view(entry, data));
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(path, e), e);
    }
  }

  @Override
  public Dense layer(int layer, Arena memory) {
    return dense(PackedPlan.layerFile(layer), memory);
  }

  @Override
  public Dense output(Arena memory) {
    return dense(PackedPlan.OUTPUT, memory);
  }

  @Override
  public Shard shard(ShardId id, SegmentAllocator memory) {
    Loaded loaded = load(PackedPlan.shardFile(id), memory);
    return (expert, projection) -> loaded.matrix(names.expert(id.layer(), expert, projection));
  }

  private Dense dense(String file, Arena arena) {
    Loaded loaded = load(file, LargePages.in(arena));
    return new Dense() {
      @Override
      public PackedMatrix matrix(List<String> stacked) {
        return loaded.matrix(String.join("+", stacked));
      }

      @Override
      public float[] vector(String name) {
        PackedEntry entry = loaded.entries().get(name);
        return finite(loaded.path(), entry, view(entry, loaded.data())).toArray();
      }
    };
  }

  /// A file in memory, its checksum verified.
  private record Loaded(Path path, Map<String, PackedEntry> entries, MemorySegment data) {
    PackedMatrix matrix(String name) {
      PackedEntry entry = entries.get(name);
      PackedMatrix matrix = PackedMatrix.of(entry.format(), entry.rows(), entry.columns(), data.asSlice(entry.offset(),
          entry.bytes()));
      // A checksum proves that a file is what its author wrote, not that the author meant well.
      int panel = matrix.firstNonFinitePanel();
      if (panel >= 0) {
        throw new CheckpointException("%s: entry %s: rows %d..%d hold a weight that is not finite".formatted(path, name,
            panel * PackedMatrix.PANEL_ROWS, Math.min(entry.rows(), (panel + 1) * PackedMatrix.PANEL_ROWS) - 1));
      }
      return matrix;
    }
  }

  private Loaded load(String name, SegmentAllocator memory) {
    PackedFile file = files.get(name);
    Path path = CheckpointFile.resolve(directory, name);
    MemorySegment data = memory.allocate(file.bytes(), PackedMatrix.ALIGNMENT);
    MessageDigest sha256 = PackedManifest.sha256();
    try (FileChannel channel = open(path)) {
      for (long at = 0; at < file.bytes();) {
        MemorySegment chunk = data.asSlice(at, Math.min(CHUNK, file.bytes() - at));
        int read = channel.read(chunk.asByteBuffer());
        if (read < 0) {
          throw new CheckpointException("%s: ends at %d of %d bytes".formatted(path, at, file.bytes()));
        }
        sha256.update(chunk.asSlice(0, read).asByteBuffer());
        at += read;
      }
    } catch (IOException e) {
      throw new CheckpointException("%s: cannot be read: %s".formatted(path, e), e);
    }
    requireChecksum(path, file, sha256);
    Map<String, PackedEntry> entries = new HashMap<>();
    file.entries().forEach(entry -> entries.put(entry.name(), entry));
    return new Loaded(path, entries, data);
  }

  private static FileChannel open(Path path) throws IOException {
    try {
      return FileChannel.open(path, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new CheckpointException("%s: no such file, though %s lists it".formatted(path, PackedManifest.FILE), e);
    }
  }

  private static void requireChecksum(Path path, PackedFile file, MessageDigest sha256) {
    String found = HexFormat.of().formatHex(sha256.digest());
    if (!found.equals(file.sha256())) {
      throw new CheckpointException(("%s: SHA-256 %s, expected %s: the file is damaged; copy it again, or pack "
          + "the original again").formatted(path, found, file.sha256()));
    }
  }

  private static TensorView view(PackedEntry entry, MemorySegment data) {
    return new TensorView(entry.name(), entry.elementType(), entry.rows(), entry.columns(), data.asSlice(entry.offset(),
        entry.bytes()));
  }

  private static TensorView finite(Path path, PackedEntry entry, TensorView tensor) {
    long index = tensor.firstNonFinite();
    if (index >= 0) {
      throw new CheckpointException("%s: entry %s: element %d is not finite".formatted(path, entry.name(), index));
    }
    return tensor;
  }
}
