package io.llada.model.experts;

import io.llada.model.config.ShardId;
import java.util.Set;

/// Shards that nobody held when somebody had waited for one of them in vain.
///
/// @param epoch placement that they were missing under; under another one they deserve another wait
/// @param shards the shards; empty: none
public record MissingExperts(long epoch, Set<ShardId> shards) {
  public static final MissingExperts NONE = new MissingExperts(0, Set.of());

  public MissingExperts {
    shards = Set.copyOf(shards);
  }
}
