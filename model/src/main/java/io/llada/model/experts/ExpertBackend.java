package io.llada.model.experts;

import io.llada.model.config.ShardId;
import java.util.function.IntFunction;

/// Where experts are computed, and where their weights lie for it: the processor, or a device beside it.
///
/// Computing is pure and batch-invariant: the bits of a (token, group) depend on its own pairs alone. Thread-safe.
public interface ExpertBackend extends AutoCloseable {
  /// The device as operators name it, for example `cpu` or `opencl:0 (name)`.
  String device();

  /// Name of the arithmetic. Backends with equal names compute equal bits.
  String numericsClass();

  /// Bytes of weights that may be loaded, every copy of them considered.
  ///
  /// @param hostBytes memory of the machine that may be used for it
  long capacityBytes(long hostBytes);

  /// Reads a shard to where it is computed. The caller closes it before the backend.
  ///
  /// @param weights where its bytes come from
  /// @throws io.llada.model.files.CheckpointException when the shard cannot be used, naming file and tensor
  /// @throws DeviceException when the device has no room for it, naming the shard and its bytes
  ExpertShard load(ShardId id, ShardWeights weights);

  /// Computes every pair of the batch and sums them per (group, token).
  ///
  /// @param shards the shard of a group of the batch's layer, from [#load]; every group with pairs must be there
  /// @throws DeviceException when the device failed
  PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards);

  @Override
  void close();
}
