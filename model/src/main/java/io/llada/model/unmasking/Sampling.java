package io.llada.model.unmasking;

/// How a token is drawn from a position's logits.
///
/// @param temperature 0 (the most probable token) .. 2
/// @param topK most probable tokens to draw from; 0: all
/// @param topP probability mass to draw from, in (0, 1]; 1: all
/// @param seed seed of every draw
public record Sampling(float temperature, int topK, float topP, long seed) {
  /// The most probable token.
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

  public Sampling {
    if (!(temperature >= 0 && temperature <= 2)) {
      throw new IllegalArgumentException("temperature must be 0..2, found " + temperature);
    }
    if (topK < 0) {
      throw new IllegalArgumentException("top_k must not be negative, found " + topK);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException("top_p must be above 0 and at most 1, found " + topP);
    }
  }

  public boolean isGreedy() {
    return temperature == 0;
  }
}
