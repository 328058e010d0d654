package io.llada.expertnode;

import io.llada.model.experts.ShardWeights;
import java.util.Optional;

/// One shard that can be had from somewhere.
///
/// @param weights reads it, once
/// @param probe what its probe gave in this numerics class before; empty: not known
/// @param release ends the reading
record ShardOffer(ShardWeights weights, Optional<String> probe, Runnable release) implements AutoCloseable {
  @Override
  public void close() {
    release.run();
  }
}
