package io.llada.model.layer;

import io.llada.model.config.ModelConfig;
import io.llada.model.kernel.KeyValuePages;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.Workspace;
import java.util.List;

/// Grouped-query attention over the paged cache, block-causal or full: head norms, rotation, softmax(q k) v, output
/// projection.
///
/// The query heads that share a key head are computed together, for the rows of a [QueryTile]: they read the same keys
/// and values.
final class Attention {
  /// Query rows that share one load of a page: more and the page is read less often, fewer and more threads find work.
  private static final int MOST_QUERIES = 4 * Kernels.QUERY_ROWS;

  /// Multiply-adds that take about as long as the norm, rotation and storing of an element.
  private static final long STORE_OPERATIONS = 64;

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
  /// @param workspace where the result is put
  /// @return `(rows, hiddenSize)`, to be added to the residual stream
  float[] forward(int layer, LayerWeights weights, List<QueryTile> tiles, float[] x, int rows, LayerProbe probe,
      Workspace workspace) {
    float[] projected = linear.apply(weights.queryKeyValue(), x, rows, workspace); // (rows, Q | K | V)
    probe.workingOn(LayerProbe.Part.ATTENTION);
    long operations = 0;
    for (QueryTile tile : tiles) {
      rotary.extendTo(tile.position() + tile.rows() - 1);
      operations += 2L * tile.rows() * tile.attended() * queryHeads * config.headSize();
    }
    // By key head: rows of one page may share words of its memory.
    linear.pool().forEach(config.keyValueHeads(), STORE_OPERATIONS * rows * config.headSize(), head -> tiles.forEach(
        tile -> store(layer, weights, tile, head, projected)));
    float[] attended = workspace.floats(Math.multiplyExact(rows, config.heads() * config.headSize()));
    int heads = config.keyValueHeads();
    linear.pool().forEach(tiles.size() * heads, operations / tiles.size(), item -> attend(layer, weights, tiles.get(item
        / heads), item % heads, projected, attended));
    probe.workingOn(LayerProbe.Part.DENSE);
    return linear.apply(weights.attentionOutput(), attended, rows, workspace);
  }

  /// Columns of a row of Q | K | V.
  private int width() {
    return (config.heads() + 2 * config.keyValueHeads()) * config.headSize();
  }

  /// Norms and rotates a tile's keys of one head in place, and caches keys and values.
  private void store(int layer, LayerWeights weights, QueryTile tile, int head, float[] projected) {
    int headSize = config.headSize();
    KeyValuePages pages = tile.cache().layer(layer);
    for (int row = 0; row < tile.rows(); row++) {
      int key = (tile.row() + row) * width() + (config.heads() + head) * headSize;
      int value = key + config.keyValueHeads() * headSize;
      if (weights.headNorms().isPresent()) {
        norm(projected, key, weights.headNorms().get().key());
      }
      rotary.rotate(projected, key, tile.position() + row);
      pages.store(tile.position() + row, head, projected, key, value);
    }
  }

  private void norm(float[] head, int offset, float[] weight) {
    linear.kernels().rmsNorm(head, offset, weight, config.normEpsilon(), head, offset);
  }

  /// softmax(q K^T * scale) V of a tile's rows and of the query heads of one key head.
  private void attend(int layer, LayerWeights weights, QueryTile tile, int keyHead, float[] projected, float[] out) {
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    try {
      int queries = tile.rows() * queryHeads;
      // Filled up with zero rows.
      int rows = Math.ceilDiv(queries, Kernels.QUERY_ROWS) * Kernels.QUERY_ROWS;
      int stride = tile.pages() * KeyValuePages.PAGE_POSITIONS;
      KeyValuePages pages = tile.cache().layer(layer);
      float[] query = queries(weights, tile, keyHead, projected, workspace.zeros(rows * config.headSize()));
      float[] page = workspace.floats(pages.pageNumbers());
      float[] scores = workspace.floats(Math.multiplyExact(rows, stride));
      score(tile, pages, keyHead, query, rows, page, scores);
      float[] sums = workspace.floats(queries);
      for (int row = 0; row < queries; row++) {
        float max = linear.kernels().max(scores, row * stride, tile.attended());
        sums[row] = linear.kernels().expSum(scores, row * stride, tile.attended(), max);
      }
      float[] attended = workspace.zeros(rows * config.headSize());
      addValues(tile, pages, keyHead, scores, rows, page, attended);
      divide(tile, keyHead, attended, sums, out);
    } finally {
      workspace.release(mark);
    }
  }

  private void score(QueryTile tile, KeyValuePages pages, int keyHead, float[] query, int rows, float[] room,
      float[] scores) {
    int headSize = config.headSize();
    int stride = tile.pages() * KeyValuePages.PAGE_POSITIONS;
    float scale = (float) (1.0 / Math.sqrt(headSize));
    for (int page = 0; page < tile.pages(); page++) {
      linear.kernels().attentionScores(query, rows, headSize, pages.keys(keyHead, page, room), scale, scores, page,
          stride);
    }
  }

  private void addValues(QueryTile tile, KeyValuePages pages, int keyHead, float[] weights, int rows, float[] room,
      float[] attended) {
    int stride = tile.pages() * KeyValuePages.PAGE_POSITIONS;
    for (int page = 0; page < tile.pages(); page++) {
      int positions = Math.min(KeyValuePages.PAGE_POSITIONS, tile.attended() - page * KeyValuePages.PAGE_POSITIONS);
      linear.kernels().attentionValues(weights, page, stride, rows, pages.values(keyHead, page, room), positions,
          attended, config.headSize());
    }
  }

  private void divide(QueryTile tile, int keyHead, float[] attended, float[] sums, float[] out) {
    int headSize = config.headSize();
    for (int row = 0; row < tile.rows() * queryHeads; row++) {
      int target = ((tile.row() + row / queryHeads) * config.heads() + keyHead * queryHeads + row % queryHeads)
          * headSize;
      for (int d = 0; d < headSize; d++) {
        out[target + d] = attended[row * headSize + d] / sums[row];
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
        if (weights.headNorms().isPresent()) {
          norm(target, head, weights.headNorms().get().query());
        }
        rotary.rotate(target, head, tile.position() + row);
      }
    }
    return target;
  }
}
