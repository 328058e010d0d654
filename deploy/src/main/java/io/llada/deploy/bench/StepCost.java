package io.llada.deploy.bench;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.layer.ForwardBatch;
import io.llada.model.layer.SequenceRows;

/// What a forward pass has to do at least, counted from the model's shape: matrix products and attention. Norms,
/// activations and softmax are less than a hundredth of it.
final class StepCost {
  /// A multiply-add counts as two operations.
  private static final double MULTIPLY_ADD = 2;

  private StepCost() {}

  /// Operations of a pass with its LM head.
  static double operations(ModelConfig config, ForwardBatch batch) {
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
    double head = predicted * hidden * config.vocabularySize();
    return MULTIPLY_ADD * (config.layers() * (projections + attention) + rows * feedForward(config) + head);
  }

  /// Multiply-adds of one row in all feed-forward networks.
  private static double feedForward(ModelConfig config) {
    double sum = 0;
    for (int layer = 0; layer < config.layers(); layer++) {
      if (config.isMoeLayer(layer)) {
        MoeConfig moe = config.moe().orElseThrow();
        double width = (double) moe.expertsPerToken() * moe.expertWidth() + moe.sharedWidth();
        sum += config.hiddenSize() * (3 * width + moe.experts());
      } else {
        sum += 3.0 * config.hiddenSize() * config.denseWidth();
      }
    }
    return sum;
  }

  /// Bytes of cached keys and values that a pass attends.
  static double cacheBytes(ForwardBatch batch) {
    return batch.sequences().stream().mapToDouble(sequence -> (double) (sequence.start() + sequence.ids().length)
        * sequence.cache().bytesPerPosition()).sum();
  }

  /// Bytes of the experts that are touched, over all layers.
  static double expertBytes(ModelConfig config, double touchedPerLayer, long shardBytes) {
    if (config.moe().isEmpty()) {
      return 0;
    }
    MoeConfig moe = config.moe().get();
    int layers = config.layers() - moe.firstMoeLayer();
    return layers * touchedPerLayer * shardBytes / moe.expertsPerGroup();
  }
}
