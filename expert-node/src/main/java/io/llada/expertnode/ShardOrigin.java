package io.llada.expertnode;

import java.util.Locale;

/// Where shards come from, in the order in which it is tried.
enum ShardOrigin {
  /// This node's cache on disk.
  CACHE,
  /// This node's copy of the checkpoint.
  CHECKPOINT,
  /// Another node that holds the shard.
  PEER;

  /// In descriptions and logs.
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
