package io.llada.model.layer;

import io.llada.model.config.ModelConfig;
import io.llada.model.kernel.KeyValuePages;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.Workspace;
import java.util.Arrays;
import java.util.List;

/// Grouped-query attention over the paged cache, block-causal or full: head norms, rotation, softmax(q k) v, output
/// projection.
///
/// The query heads that share a key head are computed together, for the rows of a [QueryTile]: they read the same keys
/// and values.
final class Attention {
  /// Query rows that share one load of a page: more and the page is read less often, fewer and more threads find work.
  private static final int MOST_QUERIES = 4 * Kernels.QUERY_ROWS;

  private final ModelConfig config;
  private final Linear linear;
  private final RotaryTable rotary;
  /// Query heads of a key head.
  private final int queryHeads;

  Attention(ModelConfig config, Linear linear) {
    this.config = config;
    this.linear = linear;
    this.rotary = new RotaryTable(config.rotarySize(), config.ropeTheta());
    this.queryHeads = config.heads() / config.keyValueHeads();
  }

  /// Cuts a batch for [#forward], once for all layers.
  List<QueryTile> tiles(List<SequenceRows> sequences) {
    return QueryTile.of(sequences, Math.max(1, MOST_QUERIES / queryHeads));
  }

  /// Attention of every row; keys and values of the rows go to their caches first.
  ///
  /// @param tiles all rows of the batch
  /// @param x normalised rows of the batch, `(rows, hiddenSize)`
  /// @return `(rows, hiddenSize)`, to be added to the residual stream
  float[] forward(int layer, LayerWeights weights, List<QueryTile> tiles, float[] x, int rows, LayerProbe probe) {
    float[] projected = linear.apply(weights.queryKeyValue(), x, rows); // (rows, Q | K | V)
    probe.workingOn(LayerProbe.Part.ATTENTION);
    long operations = 0;
    for (QueryTile tile : tiles) {
      store(layer, weights, tile, projected);
      operations += 2L * tile.rows() * tile.attended() * queryHeads * config.headSize();
    }
    float[] attended = new float[Math.multiplyExact(rows, config.heads() * config.headSize())];
    int heads = config.keyValueHeads();
    linear.pool().forEach(tiles.size() * heads, operations / tiles.size(), (item, workspace) -> attend(layer, weights,
        tiles.get(item / heads), item % heads, projected, attended, workspace));
    probe.workingOn(LayerProbe.Part.DENSE);
    return linear.apply(weights.attentionOutput(), attended, rows);
  }

  /// Columns of a row of Q | K | V.
  private int width() {
    return (config.heads() + 2 * config.keyValueHeads()) * config.headSize();
  }

  /// Norms and rotates the keys of a tile's rows in place, and caches keys and values.
  private void store(int layer, LayerWeights weights, QueryTile tile, float[] projected) {
    int headSize = config.headSize();
    KeyValuePages pages = tile.cache().layer(layer);
    rotary.extendTo(tile.position() + tile.rows() - 1);
    for (int row = 0; row < tile.rows(); row++) {
      int keys = (tile.row() + row) * width() + config.heads() * headSize;
      int values = keys + config.keyValueHeads() * headSize;
      for (int head = 0; head < config.keyValueHeads(); head++) {
        int key = keys + head * headSize;
        weights.headNorms().ifPresent(norms -> normed(projected, key, norms.key()));
        rotary.rotate(projected, key, tile.position() + row);
        pages.store(tile.position() + row, head, projected, key, values + head * headSize);
      }
    }
  }

  private void normed(float[] head, int offset, float[] weight) {
    linear.kernels().rmsNorm(head, offset, weight, config.normEpsilon(), head, offset);
  }

  /// softmax(q K^T * scale) V of a tile's rows and of the query heads of one key head.
  private void attend(int layer, LayerWeights weights, QueryTile tile, int keyHead, float[] projected, float[] out,
      Workspace workspace) {
    Kernels kernels = linear.kernels();
    int headSize = config.headSize();
    int queries = tile.rows() * queryHeads;
    int rows = Math.ceilDiv(queries, Kernels.QUERY_ROWS) * Kernels.QUERY_ROWS; // filled up with zero rows
    int stride = tile.pages() * KeyValuePages.PAGE_POSITIONS;
    float scale = (float) (1.0 / Math.sqrt(headSize));
    KeyValuePages pages = tile.cache().layer(layer);
    float[] query = queries(weights, tile, keyHead, projected, workspace.zeros(rows * headSize));
    float[] room = workspace.floats(pages.pageNumbers());
    float[] scores = workspace.floats(Math.multiplyExact(rows, stride));
    for (int page = 0; page < tile.pages(); page++) {
      kernels.attentionScores(query, rows, headSize, pages.keys(keyHead, page, room), scale, scores, page, stride);
    }
    float[] sums = workspace.floats(queries);
    for (int row = 0; row < queries; row++) {
      sums[row] = kernels.expSum(scores, row * stride, tile.attended(), kernels.max(scores, row * stride, tile
          .attended()));
    }
    float[] sum = query; // no longer needed
    Arrays.fill(sum, 0, rows * headSize, 0f);
    for (int page = 0; page < tile.pages(); page++) {
      int positions = Math.min(KeyValuePages.PAGE_POSITIONS, tile.attended() - page * KeyValuePages.PAGE_POSITIONS);
      kernels.attentionValues(scores, page, stride, rows, pages.values(keyHead, page, room), positions, sum, headSize);
    }
    for (int row = 0; row < queries; row++) {
      int target = ((tile.row() + row / queryHeads) * config.heads() + keyHead * queryHeads + row % queryHeads)
          * headSize;
      for (int d = 0; d < headSize; d++) {
        out[target + d] = sum[row * headSize + d] / sums[row];
      }
    }
  }

  /// A tile's queries of one key head, normed and rotated: `(rows * queryHeads, headSize)`.
  private float[] queries(LayerWeights weights, QueryTile tile, int keyHead, float[] projected, float[] target) {
    int size = queryHeads * config.headSize();
    for (int row = 0; row < tile.rows(); row++) {
      int source = (tile.row() + row) * width() + keyHead * size;
      System.arraycopy(projected, source, target, row * size, size);
      for (int head = row * size; head < (row + 1) * size; head += config.headSize()) {
        int offset = head;
        weights.headNorms().ifPresent(norms -> normed(target, offset, norms.query()));
        rotary.rotate(target, head, tile.position() + row);
      }
    }
    return target;
  }
}
