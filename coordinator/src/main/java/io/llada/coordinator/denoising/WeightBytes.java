package io.llada.coordinator.denoising;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.layer.TransformerWeights;
import io.llada.model.packed.WeightRole;

/// Memory that a coordinator's own weights take, by what they are for; the embedding, of which a step reads a few rows, is
/// not counted.
///
/// @param dense projections, dense layers, shared experts
/// @param routers scores of the experts
/// @param head the LM head
public record WeightBytes(long dense, long routers, long head) {
  /// @param weights loaded from the checkpoint
  public static WeightBytes of(Checkpoint checkpoint, TransformerWeights weights) {
    long head = weights.head().bytes();
    long routers = checkpoint.config().moe().map(moe -> routers(checkpoint, moe)).orElse(0L);
    return new WeightBytes(weights.bytes() - head - routers, routers, head);
  }

  private static long routers(Checkpoint checkpoint, MoeConfig moe) {
    ModelConfig config = checkpoint.config();
    WeightFormat format = checkpoint.formats().get(WeightRole.ROUTER).iterator().next();
    return (config.layers() - moe.firstMoeLayer()) * PackedMatrix.packedBytes(moe.experts(), config.hiddenSize(),
        format);
  }
}
