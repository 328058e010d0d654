package io.llada.gateway.coordinator;

/**
 * Facts about the model a coordinator serves.
 *
 * @param contextLength most positions of one request, prompt and answer together, rounded up to whole blocks
 * @param blockLength default block length
 * @param defaultMaxTokens what an unset max_tokens means, from 1
 * @param digest equal wherever the same checkpoint is served
 */
public record ServedModel(String id, int vocabularySize, int contextLength, int blockLength, int maskTokenId,
    int endTokenId, String digest, int defaultMaxTokens) {
  public ServedModel {
    if (vocabularySize < 1 || contextLength < 1 || blockLength < 1 || defaultMaxTokens < 1) {
      throw new IllegalArgumentException(
          "vocabulary %d, context %d, block length %d and default max_tokens %d must all be at least 1"
              .formatted(vocabularySize, contextLength, blockLength, defaultMaxTokens));
    }
  }

  /** Answer tokens that fit behind a prompt, given how long blocks are; may be 0 or less. */
  public int room(int promptTokens, int requestedBlockLength) {
    return contextLength / requestedBlockLength * requestedBlockLength - promptTokens;
  }
}
