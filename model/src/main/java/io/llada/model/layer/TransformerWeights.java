package io.llada.model.layer;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.TensorNames;
import io.llada.model.checkpoint.WeightSource;
import io.llada.model.config.ModelConfig;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/// Everything a coordinator holds: all weights but the routed experts.
///
/// @param config the model's shape
/// @param embedding `(vocabularySize, hiddenSize)`, read in place from the mapped checkpoint
/// @param layers one per layer
/// @param finalNorm `(hiddenSize)`
/// @param head `(vocabularySize, hiddenSize)`
/// @param arena the memory of the packed weights
public record TransformerWeights(ModelConfig config, TensorView embedding, List<LayerWeights> layers,
    float[] finalNorm, PackedMatrix head, Arena arena) implements AutoCloseable {

  /// Loads the weights on one thread. The checkpoint must stay open as long as they are used.
  ///
  /// @throws io.llada.model.files.CheckpointException when a weight is not finite or a checksum is wrong
  public static TransformerWeights load(Checkpoint checkpoint) {
    return load(checkpoint, checkpoint.weights());
  }

  /// Likewise.
  ///
  /// @param weights where the checkpoint's weights come from, for example rounded while they are loaded
  public static TransformerWeights load(Checkpoint checkpoint, WeightSource weights) {
    try (ComputePool alone = new ComputePool(1)) {
      return load(checkpoint, weights, alone);
    }
  }

  /// Likewise, on the threads of a pool: one alone hashes slower than a disk may read.
  public static TransformerWeights load(Checkpoint checkpoint, WeightSource weights, ComputePool pool) {
    Arena arena = Arena.ofShared();
    try {
      int layers = checkpoint.config().layers();
      AtomicReference<TensorView> embedding = new AtomicReference<>();
      AtomicReference<Output> output = new AtomicReference<>();
      LayerWeights[] loaded = new LayerWeights[layers];
      // The two largest come first.
      pool.forEach(layers + 2, checkpoint.bytes(), i -> {
        switch (i) {
          case 0 -> embedding.set(weights.embedding());
          case 1 -> output.set(output(checkpoint.names(), weights.output(arena)));
          default -> loaded[i - 2] = layer(checkpoint, weights, i - 2, arena);
        }
      });
      return new TransformerWeights(checkpoint.config(), embedding.get(), List.of(loaded), output.get().norm(), output
          .get().head(), arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private record Output(float[] norm, PackedMatrix head) {}

  private static Output output(TensorNames names, WeightSource.Dense output) {
    return new Output(output.vector(names.finalNorm()), output.matrix(names.head()));
  }

  private static LayerWeights layer(Checkpoint checkpoint, WeightSource weights, int layer, Arena arena) {
    TensorNames names = checkpoint.names();
    ModelConfig config = checkpoint.config();
    WeightSource.Dense dense = weights.layer(layer, arena);
    boolean hasHeadNorms = weights.contains(names.queryNorm(layer));
    return new LayerWeights(dense.vector(names.inputNorm(layer)), dense.matrix(names.queryKeyValue(layer)), hasHeadNorms
        ? Optional.of(new LayerWeights.HeadNorms(dense.vector(names.queryNorm(layer)), dense.vector(names.keyNorm(
            layer))))
        : Optional.empty(), dense.matrix(names.attentionOutput(layer)), dense.vector(names.feedForwardNorm(layer)),
        always(names, config, layer, dense), config.moe().filter(_ -> config.isMoeLayer(layer)).map(
            moe -> router(names, layer, dense, weights.contains(names.expertBias(layer)), moe.experts())));
  }

  private static Optional<SwigluWeights> always(TensorNames names, ModelConfig config, int layer,
      WeightSource.Dense dense) {
    if (!config.isMoeLayer(layer)) {
      return Optional.of(new SwigluWeights(dense.matrix(names.denseGate(layer)), dense.matrix(names.denseUp(layer)),
          dense.matrix(names.denseDown(layer))));
    }
    if (config.moe().orElseThrow().sharedWidth() == 0) {
      return Optional.empty();
    }
    return Optional.of(new SwigluWeights(dense.matrix(names.shared(layer, "gate_proj")), dense.matrix(names.shared(
        layer, "up_proj")), dense.matrix(names.shared(layer, "down_proj"))));
  }

  private static LayerWeights.RouterWeights router(TensorNames names, int layer, WeightSource.Dense dense,
      boolean hasBias, int experts) {
    return new LayerWeights.RouterWeights(dense.matrix(names.router(layer)), hasBias
        ? dense.vector(names.expertBias(
            layer))
        : new float[experts]);
  }

  /// Bytes of memory held, the mapped embedding not counted.
  public long bytes() {
    return layers.stream().mapToLong(LayerWeights::bytes).sum() + head.bytes();
  }

  @Override
  public void close() {
    arena.close();
  }
}
