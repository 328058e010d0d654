package io.llada.model.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The shape of a LLaDA checkpoint, read and validated by [ModelConfigReader].
///
/// @param family which checkpoint format and layer arithmetic
/// @param layers transformer layers
/// @param hiddenSize width of the residual stream
/// @param vocabularySize rows of the embedding and of the LM head
/// @param heads query heads
/// @param keyValueHeads key and value heads, a divisor of `heads`
/// @param headSize width of a head
/// @param rotarySize leading dimensions of each head that are rotated, even
/// @param ropeTheta base of the rotary frequencies
/// @param normEpsilon epsilon of every RMSNorm
/// @param denseWidth inner width of dense feed-forward layers
/// @param moe the experts; empty for dense models
/// @param contextLength most positions of one sequence
/// @param blockLength positions denoised together in training
/// @param maskTokenId id of the mask token
/// @param endTokenId id of the end-of-text token
public record ModelConfig(Family family, int layers, int hiddenSize, int vocabularySize, int heads, int keyValueHeads,
  int headSize, int rotarySize, double ropeTheta, float normEpsilon, int denseWidth, Optional<MoeConfig> moe,
  int contextLength, int blockLength, int maskTokenId, int endTokenId) {

  /// Checkpoint formats.
  public enum Family {
    /// LLaDA2.x: block-causal attention, mixture of experts.
    LLADA2(true),
    /// LLaDA-8B and 1.5: full attention, dense.
    LLADA_8B(false),
    /// LLaDA-MoE: full attention, mixture of experts.
    LLADA_MOE(false);

    private final boolean blockCausal;

    Family(boolean blockCausal) {
      this.blockCausal = blockCausal;
    }

    /// Whether a block attends only itself and earlier blocks, which makes a cache of finished blocks exact.
    public boolean isBlockCausal() {
      return blockCausal;
    }
  }

  /// Whether a layer has routed experts.
  public boolean isMoeLayer(int layer) {
    return moe.isPresent() && layer >= moe.get().firstMoeLayer();
  }

  /// Every shard of the model, ascending; empty for dense models.
  public List<ShardId> shards() {
    List<ShardId> shards = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      for (int group = 0; isMoeLayer(layer) && group < moe.get().groups(); group++) {
        shards.add(new ShardId(layer, group));
      }
    }
    return shards;
  }
}
