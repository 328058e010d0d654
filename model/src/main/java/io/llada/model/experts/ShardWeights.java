package io.llada.model.experts;

import io.llada.model.config.ShardId;
import io.llada.model.kernel.LargePages;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;

/// Where the weights of expert shards come from. Thread-safe.
public interface ShardWeights {
  /// Bytes one shard takes in memory.
  long shardBytes(ShardId id);

  /// Reads one shard into memory of the caller's.
  ///
  /// @param memory asked once, for all bytes of the shard; zeroed
  /// @param release frees it, when the shard is closed
  /// @throws io.llada.model.files.CheckpointException when a weight is not finite or a checksum is wrong
  ExpertShard load(ShardId id, SegmentAllocator memory, Runnable release);

  /// Reads one shard into native memory of its own.
  ///
  /// @throws io.llada.model.files.CheckpointException as above
  default ExpertShard load(ShardId id) {
    Arena arena = Arena.ofShared();
    try {
      return load(id, LargePages.in(arena), arena::close);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }
}
