package io.llada.gateway.generation;

/**
 * What an answer took.
 *
 * @param completionTokens tokens of the answer, up to and including the first end token
 * @param steps denoising steps over all blocks
 * @param forwards forward passes whose predictions the answer used
 */
public record Usage(int promptTokens, int completionTokens, int steps, int forwards) {

  /** Answer tokens won by one forward pass; 0 when there was none. */
  public double tokensPerForward() {
    return forwards == 0 ? 0 : (double) completionTokens / forwards;
  }
}
