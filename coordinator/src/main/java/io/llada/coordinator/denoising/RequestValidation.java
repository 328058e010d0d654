package io.llada.coordinator.denoising;

import io.llada.model.config.ModelConfig;
import java.util.stream.IntStream;

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
    requireTokens(config, "prompt", prompt);
    if (request.settings().guidance() > 0 && config.family().isBlockCausal()) {
      throw new IllegalArgumentException("guidance is %s, but this model is not made for guidance; leave it at 0"
          .formatted(request.settings().guidance()));
    }
    if ((long) prompt.length + maxTokens > config.contextLength()) {
      throw new IllegalArgumentException("%d prompt tokens and max_tokens %d are %d, above the context length of %d"
          .formatted(prompt.length, maxTokens, (long) prompt.length + maxTokens, config.contextLength()));
    }
    requireResumable(config, request);
    int tokens = Canvas.length(config, prompt.length, maxTokens, request.settings().blockLength());
    if (tokens > config.contextLength() || tokens > limits.runningTokens()) {
      throw new IllegalArgumentException(
          "prompt and answer take %d positions in whole blocks of %d, above the limit of %d; lower max_tokens"
              .formatted(
                  tokens, request.settings().blockLength(), Math.min(config.contextLength(), limits.runningTokens())));
    }
    return tokens;
  }

  private static void requireTokens(ModelConfig config, String what, int[] tokens) {
    for (int position = 0; position < tokens.length; position++) {
      if (tokens[position] < 0 || tokens[position] >= config.vocabularySize()) {
        throw new IllegalArgumentException("%s token %d is %d, expected 0..%d".formatted(what, position,
            tokens[position], config.vocabularySize() - 1));
      }
      if (tokens[position] == config.maskTokenId()) {
        throw new IllegalArgumentException("%s token %d is the mask token %d, which a %s must not hold"
            .formatted(what, position, config.maskTokenId(), what));
      }
    }
  }

  /// An answer can go on only where a block ends, and only if it is not over.
  private static void requireResumable(ModelConfig config, DenoisingRequest request) {
    int[] committed = request.committedIds();
    int blockLength = request.settings().blockLength();
    requireTokens(config, "committed", committed);
    if (committed.length >= request.settings().maxTokens()
        || IntStream.of(committed).anyMatch(token -> token == config.endTokenId())) {
      throw new IllegalArgumentException(
          "%d tokens are committed, max_tokens is %d, the end token %d: the answer is over, there is nothing to resume"
              .formatted(committed.length, request.settings().maxTokens(), config.endTokenId()));
    }
    if (committed.length > 0
        && !Canvas.isBlockBorder(config, request.promptIds().length, committed.length, blockLength)) {
      throw new IllegalArgumentException(
          "%d committed tokens behind %d prompt tokens do not end where a block of %d ends; only whole blocks can be kept"
              .formatted(committed.length, request.promptIds().length, blockLength));
    }
  }
}
