package io.llada.model.layer;

import io.llada.model.config.ModelConfig;
import io.llada.model.kernel.KeyValuePages;
import io.llada.model.kernel.Kernels;
import java.util.List;

/// Grouped-query attention over the paged cache, block-causal or full: head norms, rotation, softmax(q k) v, output
/// projection.
final class Attention {
  private final ModelConfig config;
  private final Linear linear;
  private final RotaryTable rotary;

  Attention(ModelConfig config, Linear linear) {
    this.config = config;
    this.linear = linear;
    this.rotary = new RotaryTable(config.rotarySize(), config.ropeTheta());
  }

  /// Attention of every row; keys and values of the rows go to their caches first.
  ///
  /// @param x normalised rows of the batch, `(rows, hiddenSize)`
  /// @return `(rows, hiddenSize)`, to be added to the residual stream
  float[] forward(int layer, LayerWeights weights, List<SequenceRows> sequences, float[] x, int rows,
      LayerProbe probe) {
    int headSize = config.headSize();
    int width = (config.heads() + 2 * config.keyValueHeads()) * headSize;
    float[] projected = linear.apply(weights.queryKeyValue(), x, rows); // (rows, Q | K | V)
    probe.workingOn(LayerProbe.Part.ATTENTION);
    int first = 0;
    for (SequenceRows sequence : sequences) {
      KeyValuePages pages = sequence.cache().layer(layer);
      for (int row = 0; row < sequence.ids().length; row++) {
        prepare(weights, projected, (first + row) * width, sequence.start() + row, pages);
      }
      first += sequence.ids().length;
    }
    float[] attended = new float[Math.multiplyExact(rows, config.heads() * headSize)];
    first = 0;
    for (SequenceRows sequence : sequences) {
      attend(sequence, sequence.cache().layer(layer), projected, first, attended);
      first += sequence.ids().length;
    }
    probe.workingOn(LayerProbe.Part.DENSE);
    return linear.apply(weights.attentionOutput(), attended, rows);
  }

  /// Norms and rotates one row's query and key heads in place, and caches its keys and values.
  private void prepare(LayerWeights weights, float[] projected, int row, int position, KeyValuePages pages) {
    int headSize = config.headSize();
    int keys = row + config.heads() * headSize;
    int values = keys + config.keyValueHeads() * headSize;
    Kernels kernels = linear.kernels();
    for (int head = 0; head < config.heads() + config.keyValueHeads(); head++) {
      int offset = row + head * headSize;
      boolean isQuery = head < config.heads();
      weights.headNorms().ifPresent(norms -> kernels.rmsNorm(projected, offset, isQuery ? norms.query() : norms.key(),
          config.normEpsilon(), projected, offset));
      rotary.rotate(projected, offset, position);
    }
    for (int head = 0; head < config.keyValueHeads(); head++) {
      pages.store(position, head, projected, keys + head * headSize, values + head * headSize);
    }
  }

  private void attend(SequenceRows sequence, KeyValuePages pages, float[] projected, int first, float[] out) {
    int headSize = config.headSize();
    int heads = config.heads();
    int width = (heads + 2 * config.keyValueHeads()) * headSize;
    float scale = (float) (1.0 / Math.sqrt(headSize));
    int rows = sequence.ids().length;
    long operations = 2L * heads * headSize * sequence.end();
    linear.pool().forEach(rows, operations, row -> {
      int limit = sequence.attended(row);
      float[] scores = new float[Math.ceilDiv(limit, KeyValuePages.PAGE_POSITIONS) * KeyValuePages.PAGE_POSITIONS];
      for (int head = 0; head < heads; head++) {
        int keyHead = head / (heads / config.keyValueHeads());
        int target = ((first + row) * heads + head) * headSize;
        attendHead(pages, keyHead, projected, (first + row) * width + head * headSize, limit, scale, scores, out,
            target);
      }
    });
  }

  /// softmax(q K^T * scale) V of one row and head.
  private void attendHead(KeyValuePages pages, int keyHead, float[] query, int queryOffset, int limit, float scale,
      float[] scores, float[] out, int target) {
    Kernels kernels = linear.kernels();
    kernels.attentionScores(query, queryOffset, pages, keyHead, limit, scale, scores);
    float sum = kernels.expSum(scores, 0, limit, kernels.max(scores, 0, limit));
    kernels.attentionValues(scores, pages, keyHead, limit, out, target);
    for (int d = 0; d < config.headSize(); d++) {
      out[target + d] /= sum;
    }
  }
}
