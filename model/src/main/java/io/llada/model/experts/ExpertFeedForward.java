package io.llada.model.experts;

import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.TokenRows;
import io.llada.model.kernel.WeightFormat;
import java.util.Arrays;
import java.util.function.IntFunction;

/// Computes the experts of a batch: the one piece of arithmetic that coordinator and expert node share.
///
/// Every row is computed in an order that depends on nothing but its own pair, so results do not depend on the
/// company in the batch or the number of threads. Thread-safe.
public final class ExpertFeedForward {
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
    int[][] pairsOfExpert = pairsByExpert(batch);
    float[] outputs = new float[Math.multiplyExact(batch.pairs(), hiddenSize)];
    if (batch.pairs() == 0) {
      return sum(batch, outputs);
    }
    // A checkpoint has one format for the gates of all its experts: each token is made ready once for all of them.
    int some = batch.pairExpert()[0];
    WeightFormat format = shards.apply(moe.groupOf(some)).expert(some).gate().format();
    TokenRows rows = kernels.rows(batch.rows(), batch.tokens(), hiddenSize, format);
    long operations = 3L * hiddenSize * moe.expertWidth() * batch.pairs() / pairsOfExpert.length;
    pool.forEach(pairsOfExpert.length, operations, i -> {
      int[] pairs = pairsOfExpert[i];
      int expert = batch.pairExpert()[pairs[0]];
      forward(batch, rows, pairs, shards.apply(moe.groupOf(expert)).expert(expert), outputs);
    });
    return sum(batch, outputs);
  }

  /// The pairs of each expert that has any, in pair order.
  private int[][] pairsByExpert(ExpertBatch batch) {
    int[] counts = new int[moe.experts()];
    for (int expert : batch.pairExpert()) {
      counts[expert]++;
    }
    int[][] byExpert = new int[moe.experts()][];
    for (int expert = 0; expert < byExpert.length; expert++) {
      byExpert[expert] = new int[counts[expert]];
    }
    for (int pair = batch.pairs() - 1; pair >= 0; pair--) {
      int expert = batch.pairExpert()[pair];
      byExpert[expert][--counts[expert]] = pair;
    }
    return Arrays.stream(byExpert).filter(pairs -> pairs.length > 0).toArray(int[][]::new);
  }

  /// down(silu(gate(x)) * up(x)) for the rows of one expert; unweighted rows go to `outputs`, one per pair.
  private void forward(ExpertBatch batch, TokenRows rows, int[] pairs, ExpertShard.Expert expert, float[] outputs) {
    int width = expert.gate().rows();
    TokenRows x = rows.gather(Arrays.stream(pairs).map(pair -> batch.pairToken()[pair]).toArray());
    float[] gate = new float[pairs.length * width];
    float[] up = new float[pairs.length * width];
    kernels.multiply(expert.gate(), 0, expert.gate().panels(), x, gate, 0, width);
    kernels.multiply(expert.up(), 0, expert.up().panels(), x, up, 0, width);
    kernels.swiglu(gate, up, 0, gate.length);
    float[] down = new float[pairs.length * hiddenSize];
    kernels.multiply(expert.down(), 0, expert.down().panels(), kernels.rows(gate, pairs.length, width, expert.down()
        .format()), down, 0, hiddenSize);
    for (int i = 0; i < pairs.length; i++) {
      System.arraycopy(down, i * hiddenSize, outputs, pairs[i] * hiddenSize, hiddenSize);
    }
  }

  /// Weighted sums of neighbouring pairs of one (group, token), in ascending expert id, from zero.
  private PartialSums sum(ExpertBatch batch, float[] outputs) {
    int[] token = new int[batch.pairs()];
    int[] group = new int[batch.pairs()];
    int[] partialOfPair = new int[batch.pairs()];
    int count = 0;
    for (int pair = 0; pair < batch.pairs(); pair++) {
      int pairGroup = moe.groupOf(batch.pairExpert()[pair]);
      int pairToken = batch.pairToken()[pair];
      if (count == 0 || group[count - 1] != pairGroup || token[count - 1] != pairToken) {
        group[count] = pairGroup;
        token[count] = pairToken;
        count++;
      }
      partialOfPair[pair] = count - 1;
    }
    float[] rows = new float[count * hiddenSize];
    for (int pair = 0; pair < batch.pairs(); pair++) {
      kernels.addScaled(batch.pairWeight()[pair], outputs, pair * hiddenSize, rows, partialOfPair[pair] * hiddenSize,
          hiddenSize);
    }
    return new PartialSums(Arrays.copyOf(token, count), Arrays.copyOf(group, count), rows);
  }
}
