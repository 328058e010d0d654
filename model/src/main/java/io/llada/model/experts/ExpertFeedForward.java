package io.llada.model.experts;

import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.TokenRows;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.kernel.Workspace;
import java.util.Arrays;
import java.util.function.IntFunction;

/// Computes the experts of a batch: the one piece of arithmetic that coordinator and expert node share.
///
/// Every row is computed in an order that depends on nothing but its own pair, so results do not depend on the
/// company in the batch or the number of threads. Thread-safe.
public final class ExpertFeedForward {
  /// Multiply-adds that take about as long as adding the elements of a partial sum, two or three pairs.
  private static final long ADD_OPERATIONS = 16;

  private final MoeConfig moe;
  private final int hiddenSize;
  private final Kernels kernels;
  private final ComputePool pool;

  public ExpertFeedForward(MoeConfig moe, int hiddenSize, Kernels kernels, ComputePool pool) {
    this.moe = moe;
    this.hiddenSize = hiddenSize;
    this.kernels = kernels;
    this.pool = pool;
  }

  /// Computes every pair of the batch and sums them per (group, token).
  ///
  /// @param shards the shard of a group of the batch's layer; every group with pairs must be there
  public PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards) {
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    try {
      return compute(batch, shards, workspace).copy(hiddenSize);
    } finally {
      workspace.release(mark);
    }
  }

  /// Likewise.
  ///
  /// @param workspace of the calling thread; the sums last until it is released
  PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards, Workspace workspace) {
    float[] outputs = workspace.floats(Math.multiplyExact(batch.pairs(), hiddenSize));
    if (batch.pairs() > 0) {
      Assignment assignment = Assignment.of(batch, moe.experts(), workspace);
      // A checkpoint has one format for the gates of all its experts: each token is made ready once for all of them.
      int some = batch.pairExpert()[0];
      WeightFormat format = shards.apply(moe.groupOf(some)).expert(some).gate().format();
      TokenRows rows = kernels.room(batch.rows(), batch.tokens(), hiddenSize, format, workspace).toPick();
      kernels.round(batch.rows(), rows, pool);
      long operations = 3L * hiddenSize * moe.expertWidth() * batch.pairs() / assignment.count();
      pool.forEach(assignment.count(), operations, i -> forward(batch, rows, assignment, i, shards, outputs));
    }
    return sum(batch, outputs, workspace);
  }

  /// Which pairs each expert has, if any.
  ///
  /// @param count experts that have pairs
  /// @param experts their ids, ascending
  /// @param starts where each one's pairs begin, and where the last one's end
  /// @param pairs indices of pairs, in pair order for each expert
  private record Assignment(int count, int[] experts, int[] starts, int[] pairs) {
    static Assignment of(ExpertBatch batch, int experts, Workspace workspace) {
      int[] next = workspace.ints(experts);
      Arrays.fill(next, 0, experts, 0);
      for (int expert : batch.pairExpert()) {
        next[expert]++;
      }
      int[] ids = workspace.ints(experts);
      int[] starts = workspace.ints(experts + 1);
      int count = 0;
      int first = 0;
      for (int expert = 0; expert < experts; expert++) {
        int pairs = next[expert];
        if (pairs > 0) {
          ids[count] = expert;
          starts[count] = first;
          count++;
        }
        next[expert] = first;
        first += pairs;
      }
      starts[count] = first;
      int[] sorted = workspace.ints(batch.pairs());
      for (int pair = 0; pair < batch.pairs(); pair++) {
        sorted[next[batch.pairExpert()[pair]]++] = pair;
      }
      return new Assignment(count, ids, starts, sorted);
    }
  }

  /// down(silu(gate(x)) * up(x)) for the rows of one expert; unweighted rows go to `outputs`, one per pair.
  ///
  /// @param index of the expert in the assignment
  private void forward(ExpertBatch batch, TokenRows rows, Assignment assignment, int index,
      IntFunction<ExpertShard> shards, float[] outputs) {
    int id = assignment.experts()[index];
    ExpertShard.Expert expert = shards.apply(moe.groupOf(id)).expert(id);
    int first = assignment.starts()[index];
    int count = assignment.starts()[index + 1] - first;
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    try {
      int[] tokens = workspace.ints(count);
      for (int i = 0; i < count; i++) {
        tokens[i] = batch.pairToken()[assignment.pairs()[first + i]];
      }
      float[] down = swiglu(expert, rows.gather(tokens, count, workspace), workspace);
      for (int i = 0; i < count; i++) {
        System.arraycopy(down, i * hiddenSize, outputs, assignment.pairs()[first + i] * hiddenSize, hiddenSize);
      }
    } finally {
      workspace.release(mark);
    }
  }

  private float[] swiglu(ExpertShard.Expert expert, TokenRows x, Workspace workspace) {
    int width = expert.gate().rows();
    float[] gate = workspace.floats(x.tokens() * width);
    float[] up = workspace.floats(x.tokens() * width);
    kernels.multiply(expert.gate(), 0, expert.gate().panels(), x, gate, 0, width);
    kernels.multiply(expert.up(), 0, expert.up().panels(), x, up, 0, width);
    kernels.swiglu(gate, up, 0, x.tokens() * width);
    TokenRows inner = kernels.rows(gate, x.tokens(), width, expert.down().format(), workspace);
    float[] down = workspace.floats(x.tokens() * hiddenSize);
    kernels.multiply(expert.down(), 0, expert.down().panels(), inner, down, 0, hiddenSize);
    return down;
  }

  /// Weighted sums of neighbouring pairs of one (group, token), in ascending expert id, from zero.
  private PartialSums sum(ExpertBatch batch, float[] outputs, Workspace workspace) {
    int[] token = workspace.ints(batch.pairs());
    int[] group = workspace.ints(batch.pairs());
    int[] starts = workspace.ints(batch.pairs() + 1); // first pair of each partial sum
    int count = 0;
    for (int pair = 0; pair < batch.pairs(); pair++) {
      int pairGroup = moe.groupOf(batch.pairExpert()[pair]);
      int pairToken = batch.pairToken()[pair];
      if (count == 0 || group[count - 1] != pairGroup || token[count - 1] != pairToken) {
        group[count] = pairGroup;
        token[count] = pairToken;
        starts[count] = pair;
        count++;
      }
    }
    starts[count] = batch.pairs();
    float[] rows = workspace.floats(count * hiddenSize);
    pool.forRuns(count, 1, ADD_OPERATIONS * hiddenSize, (from, to) -> {
      Arrays.fill(rows, from * hiddenSize, to * hiddenSize, 0f);
      for (int sum = from; sum < to; sum++) {
        for (int pair = starts[sum]; pair < starts[sum + 1]; pair++) {
          kernels.addScaled(batch.pairWeight()[pair], outputs, pair * hiddenSize, rows, sum * hiddenSize, hiddenSize);
        }
      }
    });
    return new PartialSums(count, token, group, rows);
  }
}
