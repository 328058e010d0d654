package io.llada.model.experts;

import io.llada.model.config.ShardId;
import io.llada.model.kernel.PackedMatrix;
import java.util.List;

/// The weights of one expert group of one layer, packed for the kernels.
///
/// Owns its memory: [#close] frees it, after which the shard must not be used. Not closed while a computation runs;
/// the holder sees to that.
///
/// @param id which shard this is
/// @param firstExpert id of the group's first expert
/// @param experts the group's experts, in ascending id
/// @param memory frees the memory of the weights
public record ExpertShard(ShardId id, int firstExpert, List<Expert> experts, Runnable memory) implements AutoCloseable {
  /// One expert's SwiGLU weights: `down(silu(gate(x)) * up(x))`.
  ///
  /// @param gate `(expertWidth, hiddenSize)`
  /// @param up `(expertWidth, hiddenSize)`
  /// @param down `(hiddenSize, expertWidth)`
  public record Expert(PackedMatrix gate, PackedMatrix up, PackedMatrix down) {
    long bytes() {
      return gate.bytes() + up.bytes() + down.bytes();
    }
  }

  /// The weights of an expert of this group.
  ///
  /// @param expert id within the layer
  public Expert expert(int expert) {
    int index = expert - firstExpert;
    if (index < 0 || index >= experts.size()) {
      throw new IllegalArgumentException(
          "expert %d is not in %s, which holds %d..%d".formatted(expert, id, firstExpert,
              firstExpert + experts.size() - 1));
    }
    return experts.get(index);
  }

  /// Bytes of weights held in memory.
  public long bytes() {
    return experts.stream().mapToLong(Expert::bytes).sum();
  }

  @Override
  public void close() {
    memory.run();
  }
}
