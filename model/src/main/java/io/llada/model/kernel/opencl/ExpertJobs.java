package io.llada.model.kernel.opencl;

import io.llada.model.experts.ExpertBatch;
import io.llada.model.config.MoeConfig;
import java.util.Arrays;
import java.util.function.IntFunction;

/// The job table of a batch, as `run.cl` reads it: what each work-item has to do.
///
/// Pairs are computed expert by expert, so that the pairs of an expert share its weights; a pair's place in that order is
/// its position. Sections, of ints: head; token of each position; position of each pair; weight of each pair (its bits);
/// first pair of each sum, and the end; then for each expert with pairs its slot, where gate, up and down begin, its
/// first position and its pairs.
final class ExpertJobs {
  private static final int HEAD = 5;
  private static final int FIRST_PASS = 4;
  private static final int TASK_INTS = 6;

  private final ExpertBatch batch;
  private final int tasks;
  private final int[] firstPosition;
  private final int[] sumToken;
  private final int[] sumGroup;
  private final int[] firstPairOfSum;

  /// Where an expert's weights are on the device.
  ///
  /// @param slot index of the array
  /// @param gate where the gate matrix begins, in units of 16 bytes
  /// @param up likewise
  /// @param down likewise
  record Place(int slot, int gate, int up, int down) {}

  ExpertJobs(ExpertBatch batch, MoeConfig moe) {
    this.batch = batch;
    firstPosition = new int[moe.experts() + 1];
    for (int expert : batch.pairExpert()) {
      firstPosition[expert + 1]++;
    }
    int used = 0;
    for (int expert = 0; expert < moe.experts(); expert++) {
      used += firstPosition[expert + 1] > 0 ? 1 : 0;
      firstPosition[expert + 1] += firstPosition[expert];
    }
    tasks = used;
    int[] token = new int[batch.pairs()];
    int[] group = new int[batch.pairs()];
    int[] first = new int[batch.pairs() + 1];
    int sums = 0;
    for (int pair = 0; pair < batch.pairs(); pair++) {
      int pairGroup = moe.groupOf(batch.pairExpert()[pair]);
      if (sums == 0 || group[sums - 1] != pairGroup || token[sums - 1] != batch.pairToken()[pair]) {
        group[sums] = pairGroup;
        token[sums] = batch.pairToken()[pair];
        first[sums] = pair;
        sums++;
      }
    }
    first[sums] = batch.pairs();
    sumToken = Arrays.copyOf(token, sums);
    sumGroup = Arrays.copyOf(group, sums);
    firstPairOfSum = Arrays.copyOf(first, sums + 1);
  }

  int tasks() {
    return tasks;
  }

  int sums() {
    return sumToken.length;
  }

  int[] sumToken() {
    return sumToken;
  }

  int[] sumGroup() {
    return sumGroup;
  }

  /// Ints the table takes.
  int size() {
    return HEAD + 3 * batch.pairs() + firstPairOfSum.length + TASK_INTS * tasks;
  }

  /// @param table of at least [#size]
  /// @param places the weights of each expert that has pairs
  void write(int[] table, IntFunction<Place> places) {
    int pairs = batch.pairs();
    table[0] = batch.tokens();
    table[1] = pairs;
    table[2] = tasks;
    table[3] = sums();
    setFirstPass(table, 0);
    int[] next = firstPosition.clone();
    for (int pair = 0; pair < pairs; pair++) {
      int position = next[batch.pairExpert()[pair]]++;
      table[HEAD + position] = batch.pairToken()[pair];
      table[HEAD + pairs + pair] = position;
      table[HEAD + 2 * pairs + pair] = Float.floatToRawIntBits(batch.pairWeight()[pair]);
    }
    System.arraycopy(firstPairOfSum, 0, table, HEAD + 3 * pairs, firstPairOfSum.length);
    int at = HEAD + 3 * pairs + firstPairOfSum.length;
    for (int expert = 0; expert + 1 < firstPosition.length; expert++) {
      int count = firstPosition[expert + 1] - firstPosition[expert];
      if (count > 0) {
        Place place = places.apply(expert);
        table[at] = place.slot();
        table[at + 1] = place.gate();
        table[at + 2] = place.up();
        table[at + 3] = place.down();
        table[at + 4] = firstPosition[expert];
        table[at + 5] = count;
        at += TASK_INTS;
      }
    }
  }

  /// The first phase of the next launch.
  static void setFirstPass(int[] table, int pass) {
    table[FIRST_PASS] = pass;
  }

  /// A table that has nothing to do.
  static int[] empty() {
    return new int[HEAD + 1];
  }
}
