package io.llada.model.checkpoint;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.LargePages;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.WeightFormats;
import io.llada.model.packed.WeightRole;
import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/// Weights in safetensors parts, as they are published; packed, and rounded where asked, when they are loaded.
///
/// The index is authoritative: parts may be numbered in any way.
final class OriginalWeights implements WeightStore {
  private final Path directory;
  private final ModelConfig config;
  private final TensorNames names;
  private final Map<String, SafetensorsPart> partOfTensor;
  private final String digest;
  private final Optional<WeightFormats> rounding;

  private OriginalWeights(Path directory, ModelConfig config, Map<String, SafetensorsPart> partOfTensor, String digest,
      Optional<WeightFormats> rounding) {
    this.directory = directory;
    this.config = config;
    this.names = new TensorNames(config);
    this.partOfTensor = partOfTensor;
    this.digest = digest;
    this.rounding = rounding;
  }

  /// Validates the parts.
  ///
  /// @param parts the part of each tensor
  static OriginalWeights of(Path directory, ModelConfig config, Map<String, SafetensorsPart> parts) {
    OriginalWeights weights = new OriginalWeights(directory, config, parts, CheckpointDigest.of(directory, parts
        .values()), Optional.empty());
    weights.requireExactlyTheExpectedTensors();
    return weights;
  }

  /// The same weights in other formats.
  OriginalWeights in(WeightFormats formats) {
    return new OriginalWeights(directory, config, partOfTensor, digest, Optional.of(formats));
  }

  private void requireExactlyTheExpectedTensors() {
    Set<String> expected = new HashSet<>();
    names.expected(this::contains).forEach((name, shape) -> require(name, shape, expected));
    for (int layer = 0; layer < config.layers(); layer++) {
      requireOneType(names.queryKeyValue(layer));
      if (config.isMoeLayer(layer)) {
        requireExperts(layer, expected);
      }
    }
    for (Map.Entry<String, SafetensorsPart> tensor : partOfTensor.entrySet()) {
      if (!expected.contains(tensor.getKey())) {
        throw new CheckpointException("%s: tensor %s is unexpected for %s".formatted(tensor.getValue().file(),
            tensor.getKey(), config.family()));
      }
    }
  }

  /// Q, K and V are stacked into one matrix.
  private void requireOneType(List<String> stacked) {
    for (String name : stacked) {
      ElementType first = type(stacked.getFirst());
      if (type(name) != first) {
        throw new CheckpointException("%s: tensor %s: expected %s as in %s, found %s".formatted(partOfTensor.get(name)
            .file(), name, first, stacked.getFirst(), type(name)));
      }
    }
  }

  private void requireExperts(int layer, Set<String> expected) {
    int experts = config.moe().orElseThrow().experts();
    for (String projection : TensorNames.PROJECTIONS) {
      List<Integer> shape = names.expertShape(projection);
      if (contains(names.mergedExperts(layer, projection))) {
        require(names.mergedExperts(layer, projection), List.of(experts, shape.get(0), shape.get(1)), expected);
        continue;
      }
      for (int expert = 0; expert < experts; expert++) {
        require(names.expert(layer, expert, projection), shape, expected);
      }
    }
  }

  private void require(String name, List<Integer> shape, Set<String> expected) {
    List<Long> found = part(name, shape).entries().get(name).shape();
    if (!found.equals(shape.stream().map(Integer::longValue).toList())) {
      throw new CheckpointException("%s: tensor %s: expected shape %s, found %s".formatted(partOfTensor.get(name)
          .file(), name, shape, found));
    }
    expected.add(name);
  }

  private SafetensorsPart part(String tensor, List<Integer> shape) {
    SafetensorsPart part = partOfTensor.get(tensor);
    if (part == null) {
      throw new CheckpointException("%s: tensor %s is missing, expected shape %s".formatted(directory, tensor, shape));
    }
    return part;
  }

  private ElementType type(String tensor) {
    return partOfTensor.get(tensor).entries().get(tensor).type();
  }

  @Override
  public TensorNames names() {
    return names;
  }

  @Override
  public boolean contains(String tensor) {
    return partOfTensor.containsKey(tensor);
  }

  @Override
  public String digest() {
    return digest;
  }

  @Override
  public long bytes() {
    return partOfTensor.entrySet().stream().mapToLong(tensor -> {
      SafetensorsPart.Entry entry = tensor.getValue().entries().get(tensor.getKey());
      return entry.end() - entry.begin();
    }).sum();
  }

  @Override
  public int tensorCount() {
    return partOfTensor.size();
  }

  @Override
  public int partCount() {
    return (int) partOfTensor.values().stream().distinct().count();
  }

  @Override
  public TensorView embedding() {
    return tensor(names.embedding());
  }

  @Override
  public Dense layer(int layer, Arena arena) {
    return dense(names.router(layer), arena);
  }

  @Override
  public Dense output(Arena arena) {
    return dense("", arena);
  }

  /// @param router name of the matrix that is the layer's router
  private Dense dense(String router, Arena arena) {
    return new Dense() {
      @Override
      public PackedMatrix matrix(List<String> stacked) {
        String first = stacked.getFirst();
        WeightRole role = first.equals(router)
            ? WeightRole.ROUTER
            : first.equals(names.head()) ? WeightRole.HEAD : WeightRole.DENSE;
        return pack(role, stacked.stream().map(OriginalWeights.this::tensor).toList(),
            (bytes, _) -> LargePages.allocate(
                bytes, arena));
      }

      @Override
      public float[] vector(String name) {
        return tensor(name).toArray();
      }
    };
  }

  @Override
  public Shard shard(ShardId id, SegmentAllocator memory) {
    MemorySegment slab = memory.allocate(shardBytes(id), PackedMatrix.ALIGNMENT);
    // Matrices may be asked for from several threads. Their sizes are multiples of the alignment.
    AtomicLong next = new AtomicLong();
    SegmentAllocator cut = (bytes, _) -> slab.asSlice(next.getAndAdd(bytes), bytes);
    return (expert, projection) -> pack(WeightRole.EXPERT, List.of(expert(id.layer(), expert, projection)), cut);
  }

  /// Packs, and lets go of the file's pages: they would count beside the copy, as long as nobody else wants the memory.
  private PackedMatrix pack(WeightRole role, List<TensorView> stacked, SegmentAllocator memory) {
    TensorView first = stacked.getFirst();
    PackedMatrix packed = PackedMatrix.pack(stacked, format(role, first.type(), first.columns()), memory);
    stacked.stream().map(TensorView::data).filter(MemorySegment::isMapped).forEach(MemorySegment::unload);
    return packed;
  }

  private WeightFormat format(WeightRole role, ElementType stored, int columns) {
    return rounding.map(formats -> formats.of(role, stored, columns)).orElse(WeightFormat.of(stored));
  }

  @Override
  public long shardBytes(ShardId id) {
    MoeConfig moe = config.moe().orElseThrow();
    long bytes = 0;
    int first = id.group() * moe.expertsPerGroup();
    for (int expert = first; expert < first + moe.expertsPerGroup(); expert++) {
      for (String projection : TensorNames.PROJECTIONS) {
        List<Integer> shape = names.expertShape(projection);
        ElementType stored = type(expertTensor(id.layer(), expert, projection));
        bytes += PackedMatrix.packedBytes(shape.get(0), shape.get(1), format(WeightRole.EXPERT, stored, shape.get(1)));
      }
    }
    return bytes;
  }

  @Override
  public Map<WeightRole, Set<WeightFormat>> formats() {
    Map<WeightRole, Set<WeightFormat>> formats = new EnumMap<>(WeightRole.class);
    for (PackedPlan.PlannedFile file : PackedPlan.of(config, names, this::contains).files()) {
      for (PackedPlan.PlannedWeight weight : file.weights()) {
        String tensor = weight.role() == WeightRole.EXPERT
            ? expertTensor(file.layer().orElseThrow(), weight.expert(), weight.projection())
            : weight.tensors().getFirst();
        formats.computeIfAbsent(weight.role(), _ -> EnumSet.noneOf(WeightFormat.class)).add(format(weight.role(), type(
            tensor), weight.columns()));
      }
    }
    return formats;
  }

  /// A vector or matrix, checked to be finite.
  private TensorView tensor(String name) {
    SafetensorsPart part = partOfTensor.get(name);
    SafetensorsPart.Entry entry = part.entries().get(name);
    int dimensions = entry.shape().size();
    int rows = dimensions == 1 ? 1 : entry.shape().get(0).intValue();
    int columns = entry.shape().get(dimensions - 1).intValue();
    return finite(part, new TensorView(name, entry.type(), rows, columns, part.bytes(entry)));
  }

  /// The tensor that holds an expert's projection, its own or the layer's.
  private String expertTensor(int layer, int expert, String projection) {
    String merged = names.mergedExperts(layer, projection);
    return contains(merged) ? merged : names.expert(layer, expert, projection);
  }

  /// One expert's projection, whether stored on its own or merged with the layer's others.
  private TensorView expert(int layer, int expert, String projection) {
    String merged = names.mergedExperts(layer, projection);
    if (!contains(merged)) {
      return tensor(names.expert(layer, expert, projection));
    }
    SafetensorsPart part = partOfTensor.get(merged);
    SafetensorsPart.Entry entry = part.entries().get(merged);
    List<Integer> shape = names.expertShape(projection);
    long bytes = (long) shape.get(0) * shape.get(1) * entry.type().bytes();
    MemorySegment data = part.content().read(entry.begin() + expert * bytes, bytes);
    return finite(part, new TensorView(merged + "[" + expert + "]", entry.type(), shape.get(0), shape.get(1), data));
  }

  private static TensorView finite(SafetensorsPart part, TensorView tensor) {
    long index = tensor.firstNonFinite();
    if (index >= 0) {
      throw new CheckpointException("%s: tensor %s: element %d is %s, expected finite weights".formatted(part.file(),
          tensor.name(), index, tensor.at(index / tensor.columns(), (int) (index % tensor.columns()))));
    }
    return tensor;
  }
}
