package io.llada.model.layer;

import io.llada.model.config.MoeConfig;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.Workspace;
import java.util.Arrays;

/// Chooses experts and weights for each token, in F32 throughout (a lower precision flips choices near ties).
///
/// Ties go to the lower expert id, group scores too. Thread-safe.
public final class Router {
  /// Multiply-adds that take about as long as the choice does, per row and expert.
  static final long OPERATIONS = 400;
  /// Keeps the normalisation finite, as in the reference.
  private static final float EPSILON = 1e-20f;

  private final MoeConfig moe;
  private final int routingBlock;
  private final Kernels kernels;
  private final ThreadLocal<Scratch> scratch;

  /// What one call works on.
  private record Scratch(boolean[] allowed, float[] groupScores, boolean[] kept, float[] blockScores,
      float[] biased) {
    Scratch(MoeConfig moe) {
      this(new boolean[moe.experts()], new float[moe.groups()], new boolean[moe.groups()], new float[moe.experts()],
          new float[moe.experts()]);
    }
  }

  /// @param routingBlock positions that share a pool of experts (block-pool router alone)
  public Router(MoeConfig moe, int routingBlock, Kernels kernels) {
    this.moe = moe;
    this.routingBlock = routingBlock;
    this.kernels = kernels;
    this.scratch = ThreadLocal.withInitial(() -> new Scratch(moe));
  }

  /// Routes the rows of one sequence.
  ///
  /// @param logits `(rows of the batch, experts)`
  /// @param bias `(experts)`, for selection only
  /// @param start absolute position of the first row
  /// @param experts target, `(rows of the batch, expertsPerToken)`
  /// @param weights target, likewise
  /// @param first the first row's index in the batch
  public void route(float[] logits, float[] bias, int start, int rows, int[] experts, float[] weights, int first) {
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    float[] scores = scores(logits, first * moe.experts(), rows, workspace);
    Scratch own = scratch.get();
    int pooledTo = 0;
    for (int row = 0; row < rows; row++) {
      int at = row * moe.experts();
      switch (moe.router()) {
        case GROUPED_SIGMOID -> keepBestGroups(scores, at, bias, own);
        case BLOCK_POOL_SIGMOID -> {
          if (row == pooledTo) {
            pooledTo = Math.min(rows, row + routingBlock - (start + row) % routingBlock);
            keepPool(scores, row, pooledTo, bias, own);
          }
        }
        case SOFTMAX -> Arrays.fill(own.allowed, true);
      }
      choose(scores, at, bias, own, experts, weights, (first + row) * moe.expertsPerToken());
    }
    workspace.release(mark);
  }

  /// Routes rows that stand alone; for tests and tools.
  public Routing route(float[] logits, float[] bias, int start, int rows) {
    int[] experts = new int[rows * moe.expertsPerToken()];
    float[] weights = new float[experts.length];
    route(logits, bias, start, rows, experts, weights, 0);
    return new Routing(rows, moe.expertsPerToken(), experts, weights);
  }

  private float[] scores(float[] logits, int from, int rows, Workspace workspace) {
    float[] scores = workspace.floats(rows * moe.experts());
    for (int row = 0; row < rows; row++) {
      int at = row * moe.experts();
      if (moe.router() == MoeConfig.RouterKind.SOFTMAX) {
        softmax(logits, from + at, scores, at);
      } else {
        System.arraycopy(logits, from + at, scores, at, moe.experts());
        kernels.sigmoid(scores, at, at + moe.experts());
      }
    }
    return scores;
  }

  private void softmax(float[] logits, int from, float[] scores, int at) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < moe.experts(); i++) {
      max = Math.max(max, logits[from + i]);
    }
    double sum = 0;
    for (int i = 0; i < moe.experts(); i++) {
      double power = StrictMath.exp(logits[from + i] - max);
      scores[at + i] = (float) power;
      sum += power;
    }
    for (int i = at; i < at + moe.experts(); i++) {
      scores[i] = (float) (scores[i] / sum);
    }
  }

  /// A group's score is the sum of its two best biased scores.
  private void keepBestGroups(float[] scores, int at, float[] bias, Scratch own) {
    int size = moe.expertsPerGroup();
    for (int group = 0; group < moe.groups(); group++) {
      float best = Float.NEGATIVE_INFINITY;
      float second = Float.NEGATIVE_INFINITY;
      for (int expert = group * size; expert < (group + 1) * size; expert++) {
        float score = scores[at + expert] + bias[expert];
        if (score > best) {
          second = best;
          best = score;
        } else if (score > second) {
          second = score;
        }
      }
      own.groupScores[group] = best + second;
    }
    markBest(own.groupScores, moe.keptGroups(), own.kept);
    for (int expert = 0; expert < own.allowed.length; expert++) {
      own.allowed[expert] = own.kept[expert / size];
    }
  }

  /// An expert's block score is its best biased score over the block's rows (LLaDA2.2).
  private void keepPool(float[] scores, int fromRow, int toRow, float[] bias, Scratch own) {
    float[] blockScores = own.blockScores;
    Arrays.fill(blockScores, Float.NEGATIVE_INFINITY);
    for (int row = fromRow; row < toRow; row++) {
      for (int expert = 0; expert < blockScores.length; expert++) {
        blockScores[expert] = Math.max(blockScores[expert], scores[row * moe.experts() + expert] + bias[expert]);
      }
    }
    markBest(blockScores, moe.poolCapacity(), own.allowed);
  }

  /// Marks the `count` largest, lower index first on ties.
  private static void markBest(float[] values, int count, boolean[] chosen) {
    Arrays.fill(chosen, false);
    for (int i = 0; i < count; i++) {
      int best = -1;
      for (int candidate = 0; candidate < values.length; candidate++) {
        if (!chosen[candidate] && (best < 0 || values[candidate] > values[best])) {
          best = candidate;
        }
      }
      chosen[best] = true;
    }
  }

  /// The best allowed experts by biased score; their weights from the unbiased one.
  private void choose(float[] scores, int at, float[] bias, Scratch own, int[] experts, float[] weights,
      int target) {
    float[] biased = own.biased;
    boolean normalised = moe.router() != MoeConfig.RouterKind.SOFTMAX && moe.expertsPerToken() > 1;
    for (int expert = 0; expert < biased.length; expert++) {
      biased[expert] = own.allowed[expert] ? scores[at + expert] + bias[expert] : Float.NEGATIVE_INFINITY;
    }
    float sum = 0;
    for (int k = 0; k < moe.expertsPerToken(); k++) {
      int best = 0;
      for (int expert = 1; expert < biased.length; expert++) {
        if (biased[expert] > biased[best]) {
          best = expert;
        }
      }
      experts[target + k] = best;
      weights[target + k] = moe.router() == MoeConfig.RouterKind.SOFTMAX ? biased[best] : scores[at + best];
      sum += weights[target + k];
      biased[best] = Float.NEGATIVE_INFINITY;
    }
    for (int k = 0; k < moe.expertsPerToken(); k++) {
      weights[target + k] = (normalised ? weights[target + k] / (sum + EPSILON) : weights[target + k]) * moe.scaling();
    }
  }
}
