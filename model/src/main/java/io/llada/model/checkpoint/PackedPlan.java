package io.llada.model.checkpoint;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.packed.WeightRole;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Predicate;

/// Which files a packed checkpoint of a model has and which weights belong in each, in the order of use.
///
/// @param files embedding, then per layer the dense part and its shards, then the output
public record PackedPlan(List<PlannedFile> files) {
  static final String EMBEDDING = "embedding.bin";
  static final String OUTPUT = "output.bin";

  /// @param name plain file name
  /// @param layer the layer it belongs to; empty for embedding and output
  /// @param shard the shard it is; empty for dense files
  /// @param weights in the order of use
  public record PlannedFile(String name, OptionalInt layer, List<ShardId> shard, List<PlannedWeight> weights) {}

  /// @param role what it is for
  /// @param tensors names of the tensors it is stacked from
  /// @param expert the expert it belongs to; -1: none
  /// @param projection of the expert; empty: none
  public record PlannedWeight(WeightRole role, List<String> tensors, int rows, int columns, int expert,
      String projection) {
    /// Its name in a packed file.
    public String name() {
      return String.join("+", tensors);
    }
  }

  /// @param isThere whether the checkpoint has an optional tensor
  static PackedPlan of(ModelConfig config, TensorNames names, Predicate<String> isThere) {
    return new Builder(config, names, names.expected(isThere)).build();
  }

  static String layerFile(int layer) {
    return "layer-%03d.bin".formatted(layer);
  }

  static String shardFile(ShardId id) {
    return "layer-%03d-group-%03d.bin".formatted(id.layer(), id.group());
  }

  /// Walks the model once.
  private record Builder(ModelConfig config, TensorNames names, Map<String, List<Integer>> shapes) {
    PackedPlan build() {
      List<PlannedFile> files = new ArrayList<>();
      files.add(new PlannedFile(EMBEDDING, OptionalInt.empty(), List.of(), List.of(weight(WeightRole.EMBEDDING, names
          .embedding()))));
      for (int layer = 0; layer < config.layers(); layer++) {
        files.add(new PlannedFile(layerFile(layer), OptionalInt.of(layer), List.of(), dense(layer)));
        for (int group = 0; config.isMoeLayer(layer) && group < config.moe().orElseThrow().groups(); group++) {
          ShardId id = new ShardId(layer, group);
          files.add(new PlannedFile(shardFile(id), OptionalInt.of(layer), List.of(id), experts(id)));
        }
      }
      files.add(new PlannedFile(OUTPUT, OptionalInt.empty(), List.of(), List.of(weight(WeightRole.VECTOR, names
          .finalNorm()), weight(WeightRole.HEAD, names.head()))));
      return new PackedPlan(List.copyOf(files));
    }

    private PlannedWeight weight(WeightRole role, String name) {
      return stacked(role, List.of(name));
    }

    private PlannedWeight stacked(WeightRole role, List<String> tensors) {
      List<Integer> first = shapes.get(tensors.getFirst());
      int rows = first.size() == 1 ? 1 : tensors.stream().mapToInt(name -> shapes.get(name).getFirst()).sum();
      return new PlannedWeight(role, tensors, rows, first.getLast(), -1, "");
    }

    private void addIfThere(List<PlannedWeight> weights, WeightRole role, String... tensors) {
      for (String name : tensors) {
        if (shapes.containsKey(name)) {
          weights.add(weight(role, name));
        }
      }
    }

    private List<PlannedWeight> dense(int layer) {
      List<PlannedWeight> weights = new ArrayList<>();
      weights.add(weight(WeightRole.VECTOR, names.inputNorm(layer)));
      weights.add(stacked(WeightRole.DENSE, names.queryKeyValue(layer)));
      addIfThere(weights, WeightRole.VECTOR, names.queryNorm(layer), names.keyNorm(layer));
      weights.add(weight(WeightRole.DENSE, names.attentionOutput(layer)));
      weights.add(weight(WeightRole.VECTOR, names.feedForwardNorm(layer)));
      if (!config.isMoeLayer(layer)) {
        addIfThere(weights, WeightRole.DENSE, names.denseGate(layer), names.denseUp(layer), names.denseDown(layer));
        return List.copyOf(weights);
      }
      weights.add(weight(WeightRole.ROUTER, names.router(layer)));
      addIfThere(weights, WeightRole.VECTOR, names.expertBias(layer));
      addIfThere(weights, WeightRole.DENSE, TensorNames.PROJECTIONS.stream().map(projection -> names.shared(layer,
          projection)).toArray(String[]::new));
      return List.copyOf(weights);
    }

    private List<PlannedWeight> experts(ShardId id) {
      MoeConfig moe = config.moe().orElseThrow();
      int first = id.group() * moe.expertsPerGroup();
      List<PlannedWeight> weights = new ArrayList<>();
      for (int expert = first; expert < first + moe.expertsPerGroup(); expert++) {
        for (String projection : TensorNames.PROJECTIONS) {
          List<Integer> shape = names.expertShape(projection);
          weights.add(new PlannedWeight(WeightRole.EXPERT, List.of(names.expert(id.layer(), expert, projection)), shape
              .get(0), shape.get(1), expert, projection));
        }
      }
      return List.copyOf(weights);
    }
  }
}
