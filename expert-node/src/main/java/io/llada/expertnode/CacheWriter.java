package io.llada.expertnode;

import io.llada.model.config.ShardId;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// Writes shards that were loaded into the cache, one after the other, on a thread of its own: nobody waits for the disk.
/// A shard is lent meanwhile, so that it stays.
final class CacheWriter implements AutoCloseable {
  private final ShardCache cache;
  private final boolean hasPackedCheckpoint;
  private final ExecutorService thread = Executors
      .newSingleThreadExecutor(Thread.ofPlatform().name("shard-cache").daemon().factory());

  CacheWriter(ShardCache cache, ExpertNodeModel model) {
    this.cache = cache;
    hasPackedCheckpoint = model.checkpoint().filter(ExpertNodeModel.OwnCheckpoint::isPacked).isPresent();
  }

  /// Takes note of a shard that is ready; one that is on this disk as it lies in memory is not written again.
  void loaded(LoadedShard loaded, ShardStore store) {
    boolean isThere = switch (loaded.origin()) {
      case CACHE -> true;
      case CHECKPOINT -> hasPackedCheckpoint;
      case PEER -> false;
    };
    if (!isThere) {
      thread.execute(() -> write(loaded.shard().id(), store));
    }
  }

  private void write(ShardId id, ShardStore store) {
    store.lend(id.layer(), Set.of(id.group())).ifPresent(loan -> {
      try (loan) {
        cache.write(loan.loaded(id.group()));
      }
    });
  }

  /// Ends at once; a file that is not whole is removed.
  @Override
  public void close() {
    thread.shutdownNow();
  }
}
