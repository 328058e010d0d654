package io.llada.model.layer;

import io.llada.model.config.ModelConfig;
import io.llada.model.kernel.KeyValuePages;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Keys and values of one sequence, in pages of 32 positions, all layers.
///
/// A forward pass writes the rows it is given before it reads, so positions of the current block are overwritten at
/// every step; what an earlier block wrote last, with its final tokens as input, stays and is exact. Owned by one
/// sequence; not thread-safe.
public final class KvCache {
  private final int layers;
  private final int keyValueHeads;
  private final int headSize;
  private final List<float[][]> keyPages = new ArrayList<>();
  private final List<float[][]> valuePages = new ArrayList<>();

  public KvCache(ModelConfig config) {
    this.layers = config.layers();
    this.keyValueHeads = config.keyValueHeads();
    this.headSize = config.headSize();
    for (int layer = 0; layer < layers; layer++) {
      keyPages.add(new float[0][]);
      valuePages.add(new float[0][]);
    }
  }

  /// Makes room for positions `0 .. positions - 1`.
  void reserve(int positions) {
    int pages = (positions + KeyValuePages.PAGE_POSITIONS - 1) / KeyValuePages.PAGE_POSITIONS;
    if (pages <= keyPages.getFirst().length) {
      return;
    }
    for (int layer = 0; layer < layers; layer++) {
      keyPages.set(layer, grown(keyPages.get(layer), pages));
      valuePages.set(layer, grown(valuePages.get(layer), pages));
    }
  }

  private float[][] grown(float[][] old, int pages) {
    float[][] grown = Arrays.copyOf(old, pages);
    for (int page = old.length; page < pages; page++) {
      grown[page] = new float[keyValueHeads * KeyValuePages.PAGE_POSITIONS * headSize];
    }
    return grown;
  }

  KeyValuePages layer(int layer) {
    return new KeyValuePages(keyPages.get(layer), valuePages.get(layer), headSize);
  }

  /// Bytes one position takes over all layers.
  public static long bytesPerPosition(ModelConfig config) {
    return 2L * config.layers() * config.keyValueHeads() * config.headSize() * Float.BYTES;
  }
}
