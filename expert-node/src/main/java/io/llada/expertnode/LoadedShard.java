package io.llada.expertnode;

import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.ShardImages;
import io.llada.model.packed.PackedFile;

/// A shard that is ready to compute. Thread-safe.
final class LoadedShard implements AutoCloseable {
  private final ExpertShard shard;
  private final ShardOrigin origin;
  private final String probe;
  // Guarded by this; made when it is asked for first.
  private PackedFile manifest;

  /// @param probe what its probe gave
  LoadedShard(ExpertShard shard, ShardOrigin origin, String probe) {
    this.shard = shard;
    this.origin = origin;
    this.probe = probe;
  }

  ExpertShard shard() {
    return shard;
  }

  ShardOrigin origin() {
    return origin;
  }

  String probe() {
    return probe;
  }

  /// Describes the shard's image; reads all of it the first time.
  synchronized PackedFile manifest() {
    if (manifest == null) {
      manifest = ShardImages.manifest(shard);
    }
    return manifest;
  }

  @Override
  public void close() {
    shard.close();
  }
}
