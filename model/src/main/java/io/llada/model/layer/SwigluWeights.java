package io.llada.model.layer;

import io.llada.model.kernel.PackedMatrix;

/// A SwiGLU feed-forward network that every token uses: a dense layer's, or the shared expert.
///
/// @param gate `(width, hiddenSize)`
/// @param up `(width, hiddenSize)`
/// @param down `(hiddenSize, width)`
record SwigluWeights(PackedMatrix gate, PackedMatrix up, PackedMatrix down) {
  long bytes() {
    return gate.bytes() + up.bytes() + down.bytes();
  }
}
