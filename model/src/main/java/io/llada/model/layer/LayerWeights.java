package io.llada.model.layer;

import io.llada.model.kernel.PackedMatrix;
import java.util.Optional;

/// The weights of one transformer layer, without its routed experts.
///
/// @param inputNorm `(hiddenSize)`
/// @param queryKeyValue `((heads + 2 * keyValueHeads) * headSize, hiddenSize)`, rows Q | K | V
/// @param headNorms norms over each query and key head
/// @param attentionOutput `(hiddenSize, heads * headSize)`
/// @param feedForwardNorm `(hiddenSize)`
/// @param always the network every token uses: the dense layer's, or the shared expert of an MoE layer
/// @param router present in MoE layers
record LayerWeights(float[] inputNorm, PackedMatrix queryKeyValue, Optional<HeadNorms> headNorms,
    PackedMatrix attentionOutput, float[] feedForwardNorm, Optional<SwigluWeights> always,
    Optional<RouterWeights> router) {

  /// @param query `(headSize)`
  /// @param key `(headSize)`
  record HeadNorms(float[] query, float[] key) {}

  /// @param scores `(experts, hiddenSize)`
  /// @param bias `(experts)`, used for selection; zeros where the checkpoint has none
  record RouterWeights(PackedMatrix scores, float[] bias) {
    long bytes() {
      return scores.bytes() + (long) bias.length * Float.BYTES;
    }
  }

  long bytes() {
    return queryKeyValue.bytes() + attentionOutput.bytes() + always.map(SwigluWeights::bytes).orElse(0L)
        + router.map(RouterWeights::bytes).orElse(0L);
  }
}
