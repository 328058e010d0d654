package io.llada.coordinator.denoising;

import io.llada.model.config.ModelConfig;
import io.llada.model.unmasking.Block;
import java.util.Arrays;

/// The positions of one sequence: prompt, committed answer, masks; and how they are cut into blocks.
///
/// Block-causal models cut at multiples of the block length counted from position 0, so the first block may hold the
/// prompt's tail; models with full attention cut behind the prompt, as their reference does.
final class Canvas {
  private final int promptLength;
  private final int blockLength;
  private final int origin;
  private final int maskToken;
  private final int[] tokens;

  Canvas(ModelConfig config, int[] prompt, int maxTokens, int blockLength) {
    this.promptLength = prompt.length;
    this.blockLength = blockLength;
    this.origin = config.family().isBlockCausal() ? 0 : prompt.length;
    this.maskToken = config.maskTokenId();
    this.tokens = Arrays.copyOf(prompt, length(config, prompt.length, maxTokens, blockLength));
    Arrays.fill(tokens, prompt.length, tokens.length, maskToken);
  }

  /// Positions a request takes: prompt and answer, rounded up to whole blocks.
  static int length(ModelConfig config, int promptLength, int maxTokens, int blockLength) {
    long fixed = config.family().isBlockCausal() ? 0 : promptLength;
    long cut = (long) promptLength + maxTokens - fixed;
    return Math.toIntExact(fixed + (cut + blockLength - 1) / blockLength * blockLength);
  }

  /// Absolute index of the first block with answer positions.
  int firstBlock() {
    return (promptLength - origin) / blockLength;
  }

  /// Puts answer tokens behind the prompt that are committed already, whole blocks.
  ///
  /// @return absolute index of the first block that is not committed
  int restore(int[] committed) {
    System.arraycopy(committed, 0, tokens, promptLength, committed.length);
    return (promptLength + committed.length - origin) / blockLength;
  }

  /// Whether that many answer tokens end where a block ends.
  static boolean isBlockBorder(ModelConfig config, int promptLength, int answerTokens, int blockLength) {
    int cut = config.family().isBlockCausal() ? promptLength + answerTokens : answerTokens;
    return cut % blockLength == 0;
  }

  Block block(int index) {
    int start = origin + index * blockLength;
    int promptEnd = Math.max(start, Math.min(promptLength, start + blockLength));
    return new Block(start, Arrays.copyOfRange(tokens, start, promptEnd), blockLength, maskToken);
  }

  int blocks() {
    return (tokens.length - origin) / blockLength;
  }

  int length() {
    return tokens.length;
  }

  int promptLength() {
    return promptLength;
  }

  /// Copies a block's present tokens into the canvas.
  void write(Block block) {
    System.arraycopy(block.tokens(), 0, tokens, block.start(), block.length());
  }

  int[] range(int from, int to) {
    return Arrays.copyOfRange(tokens, from, to);
  }

  /// The canvas with its prompt masked, for guidance.
  int[] withoutPrompt() {
    int[] masked = tokens.clone();
    Arrays.fill(masked, 0, promptLength, maskToken);
    return masked;
  }

  /// First position from the answer's start up to `end` that holds the token, or -1.
  int find(int token, int end) {
    for (int position = promptLength; position < end; position++) {
      if (tokens[position] == token) {
        return position;
      }
    }
    return -1;
  }
}
