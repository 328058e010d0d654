package io.llada.model.unmasking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class BlockTest {
  private static final int MASK = 9;

  @Test
  void aNewBlockIsPromptThenMasks() {
    Block block = new Block(32, new int[]{1, 2}, 5, MASK);
    assertThat(block.start()).isEqualTo(32);
    assertThat(block.length()).isEqualTo(5);
    assertThat(block.promptLength()).isEqualTo(2);
    assertThat(block.tokens()).containsExactly(1, 2, MASK, MASK, MASK);
    assertThat(block.maskedPositions()).containsExactly(2, 3, 4);
    assertThat(block.answerPositions()).containsExactly(2, 3, 4);
    assertThat(block.steps()).isZero();
  }

  @Test
  void aMaskTokenInThePromptIsATokenLikeAnyOther() {
    Block block = new Block(0, new int[]{MASK, 1}, 3, MASK);
    assertThat(block.isMasked(0)).isFalse();
    assertThat(block.maskedPositions()).containsExactly(2);
  }

  @Test
  void aCommitWritesTokensAndCountsSteps() {
    Block block = new Block(0, new int[0], 3, MASK);
    block.commit(new TransferSet(new int[]{0, 2}, new int[]{4, 5}, false));
    assertThat(block.tokens()).containsExactly(4, MASK, 5);
    assertThat(block.token(2)).isEqualTo(5);
    assertThat(block.maskedPositions()).containsExactly(1);
    assertThat(block.steps()).isEqualTo(1);
    assertThat(block.editingSteps()).isZero();
  }

  @Test
  void aStepThatStartsWithoutMasksIsAnEditingStep() {
    Block block = new Block(0, new int[0], 1, MASK);
    block.commit(new TransferSet(new int[]{0}, new int[]{4}, false));
    assertThat(block.editingSteps()).isZero();
    block.commit(new TransferSet(new int[]{0}, new int[]{5}, false));
    assertThat(block.editingSteps()).isEqualTo(1);
    assertThat(block.steps()).isEqualTo(2);
  }

  @Test
  void theTokensHandedOutAreACopy() {
    Block block = new Block(0, new int[]{3}, 1, MASK);
    block.tokens()[0] = 7;
    assertThat(block.token(0)).isEqualTo(3);
  }

  @Test
  void aPromptLongerThanTheBlockIsRefused() {
    assertThatThrownBy(() -> new Block(0, new int[4], 3, MASK)).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("4 prompt tokens in a block of 3");
  }

  @Test
  void predictionsHaveAsManyTokensAsConfidences() {
    assertThatThrownBy(() -> new Predictions(new int[2], new float[3])).isInstanceOf(IllegalArgumentException.class);
  }
}
