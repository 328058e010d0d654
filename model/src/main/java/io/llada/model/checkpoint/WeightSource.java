package io.llada.model.checkpoint;

import io.llada.model.config.ShardId;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.packed.WeightRole;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.SegmentAllocator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Where packed weights come from: safetensors, packed while they are loaded, or files in which they were packed before.
///
/// Thread-safe. What is read is checked: complete, unaltered where a checksum is known, finite.
public interface WeightSource {
  /// The weights of a layer, or of the LM head, without the routed experts.
  interface Dense {
    /// @param stacked names of the tensors that make up the matrix, one on top of the other
    PackedMatrix matrix(List<String> stacked);

    /// A norm or a bias.
    float[] vector(String name);

    default PackedMatrix matrix(String name) {
      return matrix(List.of(name));
    }
  }

  /// The weights of one shard.
  interface Shard {
    /// @param expert id within the layer
    /// @param projection gate_proj, up_proj or down_proj
    PackedMatrix expert(int expert, String projection);
  }

  /// Whether an optional tensor is there.
  boolean contains(String tensor);

  /// `(vocabularySize, hiddenSize)`, to be read in place.
  TensorView embedding();

  /// @param arena the memory the weights are put in
  Dense layer(int layer, Arena arena);

  /// Final norm and LM head.
  Dense output(Arena arena);

  /// @param memory asked once, for the [#shardBytes] of the shard; zeroed. Kernels of the processor need native memory
  Shard shard(ShardId id, SegmentAllocator memory);

  /// Bytes of memory a shard takes.
  long shardBytes(ShardId id);

  /// The number formats in which weights of each role arrive.
  Map<WeightRole, Set<WeightFormat>> formats();
}
