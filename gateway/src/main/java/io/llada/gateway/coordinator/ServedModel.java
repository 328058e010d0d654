package io.llada.gateway.coordinator;

/**
 * Facts about the model a coordinator serves.
 *
 * @param contextLength most positions of one request, prompt and answer together, rounded up to whole blocks
 * @param blockLength default block length
 * @param defaults what unset settings mean; max_tokens is always among them
 * @param digest equal wherever the same checkpoint is served
 */
public record ServedModel(String id, int vocabularySize, int contextLength, int blockLength, int maskTokenId,
    int endTokenId, String digest, DiffusionSettings defaults) {
  public ServedModel {
    if (vocabularySize < 1 || contextLength < 1 || blockLength < 1) {
      throw new IllegalArgumentException("vocabulary %d, context %d and block length %d must all be at least 1"
          .formatted(vocabularySize, contextLength, blockLength));
    }
    if (defaults.maxTokens().isEmpty()) {
      throw new IllegalArgumentException("the defaults of model %s have no max_tokens".formatted(id));
    }
  }

  /** What an unset max_tokens means, from 1. */
  public int defaultMaxTokens() {
    return defaults.maxTokens().orElseThrow();
  }

  /** Answer tokens that fit behind a prompt, given how long blocks are; may be 0 or less. */
  public int room(int promptTokens, int requestedBlockLength) {
    return contextLength / requestedBlockLength * requestedBlockLength - promptTokens;
  }
}
