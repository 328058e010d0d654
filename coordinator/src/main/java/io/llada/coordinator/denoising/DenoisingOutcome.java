package io.llada.coordinator.denoising;

/// A finished request.
///
/// @param tokens the answer, up to and including the first end token
/// @param endToken whether it ended with an end token, rather than at its length
/// @param promptTokens length of the prompt
/// @param steps denoising steps over all blocks
/// @param forwards forward passes whose predictions were used; two per step with guidance
public record DenoisingOutcome(int[] tokens, boolean endToken, int promptTokens, int steps, int forwards) {
  /// Answer tokens per forward pass.
  public float tokensPerForward() {
    return forwards == 0 ? 0 : (float) tokens.length / forwards;
  }
}
