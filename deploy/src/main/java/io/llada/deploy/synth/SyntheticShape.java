package io.llada.deploy.synth;

/// The published shapes of LLaDA2 and a tiny one for tests.
///
/// @param name what the shape is like
/// @param layers transformer layers, the first one dense
/// @param hiddenSize width of the residual stream
/// @param heads query heads
/// @param keyValueHeads key and value heads
/// @param headSize width of a head
/// @param denseWidth inner width of the dense layer
/// @param expertWidth inner width of a routed expert and of the shared one
/// @param vocabularySize rows of the embedding and of the LM head
/// @param controlTokens id of the first control token; those that follow keep the published distances
public record SyntheticShape(String name, int layers, int hiddenSize, int heads, int keyValueHeads, int headSize,
    int denseWidth, int expertWidth, int vocabularySize, int controlTokens) {
  /// What all shapes share, as published.
  public static final int EXPERTS = 256;
  static final int EXPERTS_PER_TOKEN = 8;
  static final int GROUPS = 8;
  static final int KEPT_GROUPS = 4;
  static final int BLOCK_LENGTH = 32;
  static final int CONTEXT_LENGTH = 32_768;
  static final int ROPE_THETA = 600_000;
  static final double ROTARY_SHARE = 0.5;
  static final double SCALING = 2.5;
  private static final int MOST_LAYERS = 256;
  private static final int PUBLISHED_VOCABULARY = 157_184;
  private static final int PUBLISHED_CONTROL_TOKENS = 156_891;
  private static final int TINY_VOCABULARY = 1024;

  /// Whose shape to take.
  public enum Like {
    MINI, FLASH, TINY
  }

  public SyntheticShape {
    if (layers < 2 || layers > MOST_LAYERS) {
      throw new IllegalArgumentException("layers must be 2..%d (the first one is dense), found %d".formatted(
          MOST_LAYERS, layers));
    }
  }

  /// The shape of a model.
  public static SyntheticShape of(Like like) {
    return switch (like) {
      case MINI -> new SyntheticShape("mini", 20, 2048, 16, 4, 128, 5120, 512, PUBLISHED_VOCABULARY,
          PUBLISHED_CONTROL_TOKENS);
      case FLASH -> new SyntheticShape("flash", 32, 4096, 32, 4, 128, 9216, 1024, PUBLISHED_VOCABULARY,
          PUBLISHED_CONTROL_TOKENS);
      case TINY -> new SyntheticShape("tiny", 3, 256, 8, 2, 32, 512, 32, TINY_VOCABULARY,
          TINY_VOCABULARY - PUBLISHED_VOCABULARY + PUBLISHED_CONTROL_TOKENS);
    };
  }

  /// The same shape with another number of layers.
  public SyntheticShape withLayers(int count) {
    return new SyntheticShape(name, count, hiddenSize, heads, keyValueHeads, headSize, denseWidth, expertWidth,
        vocabularySize, controlTokens);
  }

  int startToken() {
    return controlTokens;
  }

  int endToken() {
    return controlTokens + 1;
  }

  int maskToken() {
    return controlTokens + 4;
  }

  int rotarySize() {
    return (int) (headSize * ROTARY_SHARE);
  }
}
