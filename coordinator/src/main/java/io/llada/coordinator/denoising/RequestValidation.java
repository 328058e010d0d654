package io.llada.coordinator.denoising;

import io.llada.model.config.ModelConfig;

/// Checks a request against the model and the limits before anything is allocated for it.
final class RequestValidation {
  private RequestValidation() {}

  /// @return positions the request takes, whole blocks
  /// @throws IllegalArgumentException naming value and limit
  static int requireFits(ModelConfig config, SchedulerLimits limits, DenoisingRequest request) {
    int[] prompt = request.promptIds();
    int maxTokens = request.settings().maxTokens();
    if (prompt.length == 0) {
      throw new IllegalArgumentException("the prompt is empty; at least one token is needed");
    }
    for (int position = 0; position < prompt.length; position++) {
      if (prompt[position] < 0 || prompt[position] >= config.vocabularySize()) {
        throw new IllegalArgumentException("prompt token %d is %d, expected 0..%d".formatted(position, prompt[position],
            config.vocabularySize() - 1));
      }
      if (prompt[position] == config.maskTokenId()) {
        throw new IllegalArgumentException("prompt token %d is the mask token %d, which a prompt must not hold"
            .formatted(position, config.maskTokenId()));
      }
    }
    if (request.settings().guidance() > 0 && config.family().isBlockCausal()) {
      throw new IllegalArgumentException("guidance is %s, but this model is not made for guidance; leave it at 0"
          .formatted(request.settings().guidance()));
    }
    if ((long) prompt.length + maxTokens > config.contextLength()) {
      throw new IllegalArgumentException("%d prompt tokens and max_tokens %d are %d, above the context length of %d"
          .formatted(prompt.length, maxTokens, (long) prompt.length + maxTokens, config.contextLength()));
    }
    int tokens = Canvas.length(config, prompt.length, maxTokens, request.settings().blockLength());
    if (tokens > config.contextLength() || tokens > limits.runningTokens()) {
      throw new IllegalArgumentException(
          "prompt and answer take %d positions in whole blocks of %d, above the limit of %d; lower max_tokens"
              .formatted(
                  tokens, request.settings().blockLength(), Math.min(config.contextLength(), limits.runningTokens())));
    }
    return tokens;
  }
}
