package io.llada.model.unmasking;

import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;

/// The positions that are being denoised together. Which of them are masked is a set of its own: a mask token in a
/// prompt is a token like any other.
///
/// Positions are counted within the block. Owned by one sequence; a policy only reads it.
public final class Block {
  private final int start;
  private final int promptLength;
  private final int[] tokens;
  private final BitSet masked = new BitSet();
  private int steps;
  private int editingSteps;

  /// A block whose first positions are prompt and whose others are masked.
  ///
  /// @param start absolute position of the block
  /// @param prompt the prompt tokens that fall into it
  /// @param length positions
  /// @param maskToken id shown at masked positions
  public Block(int start, int[] prompt, int length, int maskToken) {
    if (prompt.length > length) {
      throw new IllegalArgumentException("%d prompt tokens in a block of %d".formatted(prompt.length, length));
    }
    this.start = start;
    this.promptLength = prompt.length;
    this.tokens = Arrays.copyOf(prompt, length);
    Arrays.fill(tokens, prompt.length, length, maskToken);
    masked.set(prompt.length, length);
  }

  /// Writes the transfer set into the block and counts the step.
  public void commit(TransferSet transfer) {
    editingSteps += masked.isEmpty() ? 1 : 0;
    steps++;
    for (int i = 0; i < transfer.positions().length; i++) {
      tokens[transfer.positions()[i]] = transfer.tokens()[i];
      masked.clear(transfer.positions()[i]);
    }
  }

  public int start() {
    return start;
  }

  public int length() {
    return tokens.length;
  }

  /// Leading positions that belong to the prompt and never change.
  public int promptLength() {
    return promptLength;
  }

  public int token(int position) {
    return tokens[position];
  }

  public int[] tokens() {
    return tokens.clone();
  }

  public boolean isMasked(int position) {
    return masked.get(position);
  }

  /// Masked positions, ascending.
  public int[] maskedPositions() {
    return masked.stream().toArray();
  }

  /// Answer positions, masked or not, ascending.
  public int[] answerPositions() {
    return IntStream.range(promptLength, tokens.length).toArray();
  }

  /// Denoising steps taken.
  public int steps() {
    return steps;
  }

  /// Steps taken when no mask was left.
  public int editingSteps() {
    return editingSteps;
  }
}
