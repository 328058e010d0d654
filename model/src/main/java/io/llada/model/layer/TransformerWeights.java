package io.llada.model.layer;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.checkpoint.TensorNames;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

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

  /// Reads and packs the weights. The checkpoint must stay open as long as they are used.
  ///
  /// @throws io.llada.model.files.CheckpointException when a weight is not finite
  public static TransformerWeights load(Checkpoint checkpoint) {
    Arena arena = Arena.ofShared();
    try {
      TensorNames names = checkpoint.names();
      List<LayerWeights> layers = new ArrayList<>();
      for (int layer = 0; layer < checkpoint.config().layers(); layer++) {
        layers.add(layer(checkpoint, layer, arena));
      }
      return new TransformerWeights(checkpoint.config(), checkpoint.tensor(names.embedding()), List.copyOf(layers),
          checkpoint.tensor(names.finalNorm()).toArray(), PackedMatrix.pack(checkpoint.tensor(names.head()), arena),
          arena);
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private static LayerWeights layer(Checkpoint checkpoint, int layer, Arena arena) {
    TensorNames names = checkpoint.names();
    ModelConfig config = checkpoint.config();
    List<TensorView> projections = names.queryKeyValue(layer).stream().map(checkpoint::tensor).toList();
    boolean hasHeadNorms = checkpoint.contains(names.queryNorm(layer));
    return new LayerWeights(checkpoint.tensor(names.inputNorm(layer)).toArray(),
        PackedMatrix.pack(projections, arena), hasHeadNorms
            ? Optional.of(new LayerWeights.HeadNorms(checkpoint.tensor(names.queryNorm(layer)).toArray(),
                checkpoint.tensor(names.keyNorm(layer)).toArray()))
            : Optional.empty(),
        PackedMatrix.pack(checkpoint.tensor(names.attentionOutput(layer)), arena),
        checkpoint.tensor(names.feedForwardNorm(layer)).toArray(), always(checkpoint, layer, arena),
        config.isMoeLayer(layer) ? Optional.of(router(checkpoint, layer, arena)) : Optional.empty());
  }

  private static Optional<SwigluWeights> always(Checkpoint checkpoint, int layer, Arena arena) {
    TensorNames names = checkpoint.names();
    if (!checkpoint.config().isMoeLayer(layer)) {
      return Optional.of(new SwigluWeights(PackedMatrix.pack(checkpoint.tensor(names.denseGate(layer)), arena),
          PackedMatrix.pack(checkpoint.tensor(names.denseUp(layer)), arena),
          PackedMatrix.pack(checkpoint.tensor(names.denseDown(layer)), arena)));
    }
    if (checkpoint.config().moe().orElseThrow().sharedWidth() == 0) {
      return Optional.empty();
    }
    return Optional.of(new SwigluWeights(PackedMatrix.pack(checkpoint.tensor(names.shared(layer, "gate_proj")), arena),
        PackedMatrix.pack(checkpoint.tensor(names.shared(layer, "up_proj")), arena),
        PackedMatrix.pack(checkpoint.tensor(names.shared(layer, "down_proj")), arena)));
  }

  private static LayerWeights.RouterWeights router(Checkpoint checkpoint, int layer, Arena arena) {
    TensorNames names = checkpoint.names();
    MoeConfig moe = checkpoint.config().moe().orElseThrow();
    String bias = names.expertBias(layer);
    return new LayerWeights.RouterWeights(PackedMatrix.pack(checkpoint.tensor(names.router(layer)), arena),
        checkpoint.contains(bias) ? checkpoint.tensor(bias).toArray() : new float[moe.experts()]);
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
