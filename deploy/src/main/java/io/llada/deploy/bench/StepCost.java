package io.llada.deploy.bench;

import io.llada.coordinator.denoising.WeightBytes;
import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.layer.ForwardBatch;
import io.llada.model.layer.SequenceRows;
import io.llada.model.packed.WeightRole;
import java.util.Map;
import java.util.Set;

/// What a forward pass has to do at least, counted from the model's shape: matrix products and attention. Norms,
/// activations and softmax are less than a hundredth of it.
final class StepCost {
  /// A multiply-add counts as two operations.
  private static final double MULTIPLY_ADD = 2;

  private StepCost() {}

  /// Operations of a pass with its LM head.
  static PartFigures operations(ModelConfig config, ForwardBatch batch) {
    double rows = batch.rows();
    double predicted = 0;
    double scores = 0;
    for (SequenceRows sequence : batch.sequences()) {
      predicted += sequence.predicted().length;
      for (int row = 0; row < sequence.ids().length; row++) {
        scores += sequence.attended(row);
      }
    }
    double hidden = config.hiddenSize();
    double queries = (double) config.heads() * config.headSize();
    double keysAndValues = 2.0 * config.keyValueHeads() * config.headSize();
    double projections = rows * hidden * (2 * queries + keysAndValues);
    double attention = 2 * scores * queries;
    PartFigures pass = new PartFigures(config.layers() * attention, 0, 0, config.layers() * projections,
        predicted * hidden
            * config.vocabularySize());
    return pass.plus(feedForward(config).times(rows)).times(MULTIPLY_ADD);
  }

  /// Multiply-adds of one row in all feed-forward networks.
  private static PartFigures feedForward(ModelConfig config) {
    double hidden = config.hiddenSize();
    PartFigures sum = PartFigures.NONE;
    for (int layer = 0; layer < config.layers(); layer++) {
      if (config.isMoeLayer(layer)) {
        MoeConfig moe = config.moe().orElseThrow();
        double routed = 3 * hidden * moe.expertsPerToken() * moe.expertWidth();
        sum = sum.plus(new PartFigures(0, hidden * moe.experts(), routed, 3 * hidden * moe.sharedWidth(), 0));
      } else {
        sum = sum.plus(new PartFigures(0, 0, 0, 3 * hidden * config.denseWidth(), 0));
      }
    }
    return sum;
  }

  /// Those of some operations that multiply integer weights. A role counts as integer if any of its tensors is: only
  /// the few with odd widths are not.
  static PartFigures onIntegers(PartFigures operations, Map<WeightRole, Set<WeightFormat>> formats) {
    return new PartFigures(0, isInteger(formats, WeightRole.ROUTER) ? operations.router() : 0,
        isInteger(formats, WeightRole.EXPERT) ? operations.experts() : 0,
        isInteger(formats, WeightRole.DENSE) ? operations.dense() : 0,
        isInteger(formats, WeightRole.HEAD) ? operations.head() : 0);
  }

  private static boolean isInteger(Map<WeightRole, Set<WeightFormat>> formats, WeightRole role) {
    return formats.getOrDefault(role, Set.of()).stream().anyMatch(WeightFormat::isQuantised);
  }

  /// Bytes that a pass of these totals has to read: weights of the touched experts, everything the coordinator holds,
  /// keys and values.
  ///
  /// @param totals of some passes; the mean counts
  static PartFigures bytes(ModelConfig config, WeightBytes weights, long shardBytes, StepProbe.Totals totals) {
    double cache = totals.cacheBytes() / Math.max(1, totals.forwards());
    return new PartFigures(cache, weights.routers(), expertBytes(config, totals.touchedPerLayer(), shardBytes), weights
        .dense(), weights.head());
  }

  /// Bytes of cached keys and values that a pass attends.
  static double cacheBytes(ForwardBatch batch) {
    return batch.sequences().stream().mapToDouble(sequence -> (double) (sequence.start() + sequence.ids().length)
        * sequence.cache().bytesPerPosition()).sum();
  }

  /// Bytes of the experts that are touched, over all layers.
  private static double expertBytes(ModelConfig config, double touchedPerLayer, long shardBytes) {
    if (config.moe().isEmpty()) {
      return 0;
    }
    MoeConfig moe = config.moe().get();
    int layers = config.layers() - moe.firstMoeLayer();
    return layers * touchedPerLayer * shardBytes / moe.expertsPerGroup();
  }
}
