package io.llada.model.layer;

import io.llada.model.config.ModelConfig;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.KeyValuePages;
import java.util.List;
import java.util.stream.Stream;

/// Keys and values of one sequence, in pages of 32 positions, all layers.
///
/// A forward pass writes the rows it is given before it reads, so positions of the current block are overwritten at
/// every step; what an earlier block wrote last, with its final tokens as input, stays and is exact. Owned by one
/// sequence; not thread-safe.
public final class KvCache {
  private final List<KeyValuePages> layers;
  private final long bytesPerPosition;

  /// An empty cache.
  public KvCache(ModelConfig config, CacheFormat format) {
    this.layers = Stream.generate(() -> new KeyValuePages(format, config.keyValueHeads(), config.headSize())).limit(
        config.layers()).toList();
    this.bytesPerPosition = bytesPerPosition(config, format);
  }

  /// Makes room for positions `0 .. positions - 1`.
  void reserve(int positions) {
    layers.forEach(layer -> layer.reserve(positions));
  }

  KeyValuePages layer(int layer) {
    return layers.get(layer);
  }

  /// Bytes one position takes over all layers.
  public long bytesPerPosition() {
    return bytesPerPosition;
  }

  /// Bytes one position takes over all layers.
  public static long bytesPerPosition(ModelConfig config, CacheFormat format) {
    return 2L * config.layers() * config.keyValueHeads() * config.headSize() * format.bytes();
  }
}
