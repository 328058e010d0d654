package io.llada.model.unmasking;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.unmasking.DiffusionSettings.Editing;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Each policy as what it is: a function of a block and predictions.
class PolicyTest {
  private static final int MASK = 99;

  private static Block block(int length, int... prompt) {
    return new Block(64, prompt, length, MASK);
  }

  /// Predicts token 10 + position everywhere.
  private static Predictions predictions(float... confidences) {
    return new Predictions(IntStream.range(0, confidences.length).map(i -> 10 + i).toArray(), confidences);
  }

  private static ConfidenceThreshold threshold(float threshold, int blockLength, int steps) {
    return new ConfidenceThreshold(threshold, new TransferSchedule(blockLength, steps));
  }

  @Test
  void everyPositionAboveTheThresholdIsCommitted() {
    TransferSet transfer = threshold(0.9f, 4, 4).select(block(4), predictions(0.95f, 0.5f, 0.99f, 0.91f));
    assertThat(transfer.positions()).containsExactly(0, 2, 3);
    assertThat(transfer.tokens()).containsExactly(10, 12, 13);
    assertThat(transfer.blockComplete()).isFalse();
  }

  @Test
  void theThresholdItselfIsNotAboveIt() {
    TransferSet transfer = threshold(0.5f, 4, 4).select(block(4), predictions(0.5f, 0.5f, 0.5f, 0.51f));
    assertThat(transfer.positions()).containsExactly(3);
  }

  @Test
  void nobodyAboveTheThresholdMeansTheScheduledBest() {
    TransferSet transfer = threshold(0.9f, 4, 2).select(block(4), predictions(0.1f, 0.3f, 0.2f, 0.4f));
    assertThat(transfer.positions()).containsExactly(1, 3);
  }

  @Test
  void fewerAboveTheThresholdThanScheduledMeansTheScheduledBest() {
    TransferSet transfer = threshold(0.9f, 4, 1).select(block(4), predictions(0.1f, 0.3f, 0.95f, 0.4f));
    assertThat(transfer.positions()).containsExactly(0, 1, 2, 3);
    assertThat(transfer.blockComplete()).isTrue();
  }

  @Test
  void tiesGoToTheLowerPosition() {
    Predictions tied = predictions(0.2f, 0.5f, 0.5f, 0.5f);
    assertThat(threshold(0.9f, 4, 2).select(block(4), tied).positions()).containsExactly(1, 2);
    assertThat(new LowConfidence(new TransferSchedule(4, 4)).select(block(4), tied).positions()).containsExactly(1);
    assertThat(new TokenEditing(0.9f, Editing.REFERENCE).select(block(4), tied).positions()).containsExactly(1);
  }

  @Test
  void aConfidenceThatIsNoNumberIsTheLastChoice() {
    assertThat(threshold(0.9f, 3, 3).select(block(3), predictions(Float.NaN, 0.1f, Float.NaN)).positions())
        .containsExactly(1);
  }

  @Test
  void promptAndCommittedPositionsAreNotChosen() {
    Block block = block(5, 7, 8);
    block.commit(new TransferSet(new int[]{3}, new int[]{50}, false));
    TransferSet transfer = threshold(0.5f, 5, 5).select(block, predictions(1, 1, 0.9f, 1, 0.8f));
    assertThat(transfer.positions()).containsExactly(2, 4);
    assertThat(transfer.blockComplete()).isTrue();
  }

  @Test
  void theScheduleSpreadsTheRemainderOverTheFirstSteps() {
    assertThat(schedule(32, 5)).containsExactly(7, 7, 6, 6, 6);
    assertThat(schedule(32, 32)).containsOnly(1).hasSize(32);
    assertThat(schedule(3, 5)).containsExactly(1, 1, 1, 0, 0);
    assertThat(new TransferSchedule(3, 5).tokensAt(5)).isEqualTo(1);
  }

  @Test
  void theScheduleSumsToTheBlock() {
    for (int length = 1; length < 70; length++) {
      for (int steps = 1; steps < 70; steps++) {
        assertThat(Arrays.stream(schedule(length, steps)).sum()).isEqualTo(length);
      }
    }
  }

  private static int[] schedule(int length, int steps) {
    TransferSchedule schedule = new TransferSchedule(length, steps);
    return IntStream.range(0, steps).map(schedule::tokensAt).toArray();
  }

  static Stream<UnmaskingPolicy> policies() {
    TransferSchedule few = new TransferSchedule(13, 5);
    TransferSchedule many = new TransferSchedule(13, 40);
    return Stream.of(new ConfidenceThreshold(0.9f, few), new ConfidenceThreshold(0f, many), new ConfidenceThreshold(1f,
        many), new LowConfidence(few), new LowConfidence(many), new RandomRemasking(few, 3),
        new RandomRemasking(many,
            4),
        new TokenEditing(0.9f, Editing.REFERENCE), new TokenEditing(1f, new Editing(0f, 0)), new TokenEditing(
            0.5f, new Editing(0f, 1024)));
  }

  @ParameterizedTest
  @MethodSource("policies")
  void everyStepCommitsAMaskWhileThereAreAnyAndEndsInBounds(UnmaskingPolicy policy) {
    Random random = new Random(5);
    for (int promptLength = 0; promptLength < 13; promptLength++) {
      Block block = block(13, new int[promptLength]);
      boolean complete = false;
      for (int step = 0; !complete; step++) {
        assertThat(step).isLessThanOrEqualTo(13 + 1024);
        int masks = block.maskedPositions().length;
        // Ever different tokens: an editing policy that could go on for ever would.
        int base = step * 13;
        int[] tokens = IntStream.range(0, 13).map(i -> base + i).toArray();
        float[] confidences = new float[13];
        for (int i = 0; i < 13; i++) {
          confidences[i] = random.nextFloat();
        }
        TransferSet transfer = policy.select(block, new Predictions(tokens, confidences));
        assertThat(transfer.positions()).isSorted().doesNotHaveDuplicates();
        assertThat(IntStream.of(transfer.positions())).allMatch(i -> i >= block.promptLength());
        block.commit(transfer);
        complete = transfer.blockComplete();
        if (masks > 0) {
          assertThat(block.maskedPositions().length).isLessThan(masks);
        }
        if (!policy.editsCommitted()) {
          assertThat(transfer.positions()).hasSizeLessThanOrEqualTo(masks);
        }
      }
      assertThat(block.maskedPositions()).isEmpty();
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void theSameBlockGivesTheSameChoice(UnmaskingPolicy policy) {
    Predictions predictions = predictions(new float[13]);
    TransferSet first = policy.select(block(13), predictions);
    TransferSet second = policy.select(block(13), predictions);
    assertThat(second.positions()).containsExactly(first.positions());
    assertThat(second.tokens()).containsExactly(first.tokens());
  }

  @Test
  void randomRemaskingDependsOnSeedPositionAndStepAndNotOnConfidence() {
    TransferSchedule schedule = new TransferSchedule(32, 8);
    Set<String> choices = new HashSet<>();
    for (int seed = 0; seed < 50; seed++) {
      RandomRemasking policy = new RandomRemasking(schedule, seed);
      int[] chosen = policy.select(block(32), predictions(new float[32])).positions();
      float[] confident = new float[32];
      Arrays.fill(confident, 0, 4, 1f);
      assertThat(policy.select(block(32), predictions(confident)).positions()).hasSize(4).containsExactly(chosen);
      choices.add(Arrays.toString(chosen));
    }
    assertThat(choices).hasSizeGreaterThan(45);
  }

  @Test
  void editingReplacesACommittedTokenByAConfidentOtherOne() {
    Block block = block(4, 7);
    block.commit(new TransferSet(new int[]{1, 2}, new int[]{11, 55}, false));
    TransferSet transfer = new TokenEditing(0.95f, new Editing(0.5f, 16)).select(block, predictions(1, 0.9f, 0.9f,
        0.1f));
    assertThat(transfer.positions()).as("1 is predicted as it is, 0 is prompt, 3 is the only mask").containsExactly(2,
        3);
    assertThat(transfer.tokens()).containsExactly(12, 13);
    assertThat(transfer.blockComplete()).isFalse();
  }

  @Test
  void editingLeavesATokenWhoseRivalIsNotAboveTheThreshold() {
    Block block = block(2);
    block.commit(new TransferSet(new int[]{0, 1}, new int[]{5, 6}, false));
    TransferSet transfer = new TokenEditing(0.9f, new Editing(0.5f, 16)).select(block, predictions(0.5f, 0.4f));
    assertThat(transfer.positions()).isEmpty();
    assertThat(transfer.blockComplete()).isTrue();
  }

  @Test
  void editingEndsAfterItsBound() {
    for (int bound : new int[]{1, 2, 16}) {
      Block block = block(1);
      TokenEditing policy = new TokenEditing(0.9f, new Editing(0f, bound));
      int steps = 0;
      boolean complete = false;
      while (!complete) {
        TransferSet transfer = policy.select(block, new Predictions(new int[]{steps}, new float[]{1}));
        block.commit(transfer);
        complete = transfer.blockComplete();
        steps++;
      }
      assertThat(steps).as("one step for the mask, then editing").isEqualTo(1 + bound);
      assertThat(block.editingSteps()).isEqualTo(bound);
    }
  }

  @Test
  void withoutEditingStepsTheLastMaskCompletesTheBlock() {
    TransferSet transfer = new TokenEditing(0.9f, new Editing(0f, 0)).select(block(2), predictions(1, 1));
    assertThat(transfer.positions()).containsExactly(0, 1);
    assertThat(transfer.blockComplete()).isTrue();
  }
}
