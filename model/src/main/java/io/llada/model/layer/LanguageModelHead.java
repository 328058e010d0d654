package io.llada.model.layer;

import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.TokenRows;
import io.llada.model.kernel.Workspace;
import java.util.List;
import java.util.stream.IntStream;

/// Turns final rows into predictions.
///
/// Greedy rows are reduced tile by tile of the vocabulary to best token, maximum and sum of exponentials, so that
/// their logits never exist side by side. Rows that are sampled need theirs, a few rows at a time. The mask token is
/// never predicted; it counts in a greedy row's probabilities, as in the reference.
public final class LanguageModelHead {
  /// Panels of a vocabulary tile. Part of the numerics: the sum of exponentials runs tile by tile.
  private static final int TILE_PANELS = 64;
  private static final int TILE = TILE_PANELS * PackedMatrix.PANEL_ROWS;
  /// Sampled rows whose logits are held at the same time.
  private static final int SAMPLED_ROWS = 8;

  private final PackedMatrix head;
  private final int maskToken;
  private final Kernels kernels;
  private final ComputePool pool;

  public LanguageModelHead(TransformerWeights weights, Kernels kernels, ComputePool pool) {
    this.head = weights.head();
    this.maskToken = weights.config().maskTokenId();
    this.kernels = kernels;
    this.pool = pool;
  }

  /// Predicts one token per row.
  ///
  /// @param rows `(sampling.size, hiddenSize)`, final and normalised
  /// @throws ArithmeticException when a row's logits are not finite
  public RowPredictions predict(float[] rows, List<RowSampling> sampling) {
    RowPredictions predictions = new RowPredictions(new int[sampling.size()], new float[sampling.size()]);
    int[] greedy = IntStream.range(0, sampling.size()).filter(i -> sampling.get(i).sampling().isGreedy()).toArray();
    int[] sampled = IntStream.range(0, sampling.size()).filter(i -> !sampling.get(i).sampling().isGreedy()).toArray();
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    try {
      if (greedy.length > 0) {
        predictGreedily(gather(rows, greedy, 0, greedy.length, workspace), greedy, predictions, workspace);
      }
      long sampledMark = workspace.mark();
      for (int from = 0; from < sampled.length; from += SAMPLED_ROWS) {
        int to = Math.min(sampled.length, from + SAMPLED_ROWS);
        float[] logits = logits(gather(rows, sampled, from, to, workspace), to - from, workspace);
        int first = from;
        pool.forEach(to - from, 20L * head.rows(), i -> {
          int row = sampled[first + i];
          TokenSampler.draw(logits, i * head.rows(), head.rows(), maskToken, sampling.get(row), predictions, row);
        });
        workspace.release(sampledMark);
      }
      return predictions;
    } finally {
      workspace.release(mark);
    }
  }

  /// Finite weights can still overflow F32 on their way here; a token picked from NaN would be a silent lie.
  static ArithmeticException notFinite(float logit) {
    return new ArithmeticException("largest logit is %s: the weights overflow F32".formatted(logit));
  }

  /// All logits, `(rows, vocabularySize)`; for tests and tools.
  public float[] logits(float[] rows, int count) {
    return logits(rows, count, new Workspace());
  }

  private float[] logits(float[] rows, int count, Workspace workspace) {
    return new Linear(kernels, pool).apply(head, rows, count, workspace);
  }

  private float[] gather(float[] rows, int[] indices, int from, int to, Workspace workspace) {
    int hidden = head.columns();
    float[] gathered = workspace.floats((to - from) * hidden);
    for (int i = from; i < to; i++) {
      System.arraycopy(rows, indices[i] * hidden, gathered, (i - from) * hidden, hidden);
    }
    return gathered;
  }

  private void predictGreedily(float[] rows, int[] targets, RowPredictions predictions, Workspace workspace) {
    int count = targets.length;
    TokenRows ready = new Linear(kernels, pool).rows(head, rows, count, workspace);
    int tiles = (head.panels() + TILE_PANELS - 1) / TILE_PANELS;
    int[] bestTokens = workspace.ints(tiles * count);
    float[] bestLogits = workspace.floats(tiles * count);
    float[] maxima = workspace.floats(tiles * count);
    float[] sums = workspace.floats(tiles * count);
    pool.forEach(tiles, (long) TILE * head.columns() * count, tile -> {
      Workspace own = Workspace.ofThread();
      long mark = own.mark();
      try {
        int fromPanel = tile * TILE_PANELS;
        int toPanel = Math.min(head.panels(), fromPanel + TILE_PANELS);
        int width = Math.min(head.rows(), toPanel * PackedMatrix.PANEL_ROWS) - tile * TILE;
        float[] logits = own.floats(count * width);
        kernels.multiply(head, fromPanel, toPanel, ready, logits, 0, width);
        for (int row = 0; row < count; row++) {
          int at = tile * count + row;
          int mask = maskToken - tile * TILE;
          bestLogits[at] = best(logits, row * width, width, mask);
          bestTokens[at] = tile * TILE + indexOf(bestLogits[at], logits, row * width, width, mask);
          maxima[at] = mask >= 0 && mask < width
              ? Math.max(bestLogits[at], logits[row * width + mask])
              : bestLogits[at];
          sums[at] = kernels.expSum(logits, row * width, width, maxima[at]);
        }
      } finally {
        own.release(mark);
      }
    });
    for (int row = 0; row < count; row++) {
      merge(row, count, tiles, bestTokens, bestLogits, maxima, sums, targets[row], predictions);
    }
  }

  /// The largest logit but the mask's.
  private float best(float[] logits, int from, int width, int mask) {
    if (mask < 0 || mask >= width) {
      return kernels.max(logits, from, width);
    }
    return Math.max(kernels.max(logits, from, mask), kernels.max(logits, from + mask + 1, width - mask - 1));
  }

  /// The first index that holds a value, the mask's excepted.
  private static int indexOf(float value, float[] logits, int from, int width, int mask) {
    int index = 0;
    while (index < width - 1 && (logits[from + index] != value || index == mask)) {
      index++;
    }
    return index;
  }

  private static void merge(int row, int count, int tiles, int[] bestTokens, float[] bestLogits, float[] maxima,
      float[] sums, int target, RowPredictions predictions) {
    float max = Float.NEGATIVE_INFINITY;
    int best = row;
    for (int at = row; at < tiles * count; at += count) {
      max = Math.max(max, maxima[at]);
      best = bestLogits[at] > bestLogits[best] ? at : best;
    }
    if (!Float.isFinite(max)) {
      throw notFinite(max);
    }
    float sum = 0;
    for (int at = row; at < tiles * count; at += count) {
      sum += sums[at] * (float) StrictMath.exp(maxima[at] - max);
    }
    predictions.tokens()[target] = bestTokens[best];
    predictions.confidences()[target] = (float) (StrictMath.exp(bestLogits[best] - max) / sum);
  }
}
