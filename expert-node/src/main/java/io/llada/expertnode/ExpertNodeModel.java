package io.llada.expertnode;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.experts.CpuExperts;
import io.llada.model.experts.ExpertBackend;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertOutline;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.ExpertShardLoader;
import io.llada.model.experts.PartialSums;
import io.llada.model.experts.ShardWeights;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntFunction;

/// What a node computes, and with what.
///
/// @param outline the model
/// @param numericsClass arithmetic of the device
/// @param device what computes, as operators name it
/// @param checkpoint this node's copy of the checkpoint; empty: it loads from other nodes
/// @param placing brings shards to the device
/// @param computation the arithmetic
public record ExpertNodeModel(ExpertOutline outline, String numericsClass, String device,
    Optional<OwnCheckpoint> checkpoint, Placing placing, Computation computation) {
  /// A copy of the checkpoint.
  ///
  /// @param weights its shards
  /// @param isPacked whether they lie in it as the kernels read them
  public record OwnCheckpoint(ShardWeights weights, boolean isPacked) {}

  /// Reads a shard to where it is computed; the signature of [ExpertBackend#load].
  @FunctionalInterface
  public interface Placing {
    ExpertShard load(ShardId id, ShardWeights weights);
  }

  /// Computes the pairs of a batch; the signature of [ExpertBackend#compute].
  @FunctionalInterface
  public interface Computation {
    PartialSums compute(ExpertBatch batch, IntFunction<ExpertShard> shards);
  }

  /// The model of a checkpoint, computed by the processor.
  ///
  /// @throws IllegalArgumentException when the checkpoint is dense: it has no experts to hold
  public static ExpertNodeModel of(Checkpoint checkpoint, Kernels kernels, ComputePool pool) {
    return of(checkpoint, new CpuExperts(ExpertOutline.of(checkpoint), kernels, pool));
  }

  /// The model of a checkpoint.
  ///
  /// @param backend computes the experts; the caller closes it after the node
  public static ExpertNodeModel of(Checkpoint checkpoint, ExpertBackend backend) {
    return new ExpertNodeModel(ExpertOutline.of(checkpoint), backend.numericsClass(), backend.device(), Optional.of(
        new OwnCheckpoint(new ExpertShardLoader(checkpoint), checkpoint.isPacked())), backend::load, backend::compute);
  }

  /// A model of which other nodes have the weights.
  ///
  /// @param backend computes the experts; the caller closes it after the node
  public static ExpertNodeModel of(ExpertOutline outline, ExpertBackend backend) {
    return new ExpertNodeModel(outline, backend.numericsClass(), backend.device(), Optional.empty(), backend::load,
        backend::compute);
  }

  /// The same model, computed no faster than this: for benchmarks and tests, which need nodes of a known speed.
  ///
  /// @param pairsPerSecond pairs of a token and an expert
  public ExpertNodeModel throttled(double pairsPerSecond) {
    if (!(pairsPerSecond > 0)) {
      throw new IllegalArgumentException("a node computes more than 0 pairs per second, found " + pairsPerSecond);
    }
    return new ExpertNodeModel(outline, numericsClass, device, checkpoint, placing, (batch, shards) -> {
      long end = System.nanoTime() + (long) (batch.pairs() / pairsPerSecond * 1e9);
      PartialSums sums = computation.compute(batch, shards);
      for (long left = end - System.nanoTime(); left > 0
          && !Thread.currentThread().isInterrupted(); left = end - System.nanoTime()) {
        LockSupport.parkNanos(left);
      }
      return sums;
    });
  }

  /// The same model, which computes for a moment with the first shard it loads, before that shard serves: requests should
  /// not wait for code that was never run.
  ///
  /// @param atMost how long
  public ExpertNodeModel warmedUp(Duration atMost) {
    WarmUp warmUp = new WarmUp(this, atMost);
    return new ExpertNodeModel(outline, numericsClass, device, checkpoint, (id, weights) -> {
      ExpertShard shard = placing.load(id, weights);
      try {
        warmUp.once(shard);
        return shard;
      } catch (RuntimeException e) {
        shard.close();
        throw e;
      }
    }, computation);
  }

  /// Digest of the checkpoint.
  public String digest() {
    return outline.digest();
  }

  /// Width of a row.
  public int hiddenSize() {
    return outline.hiddenSize();
  }

  /// The experts.
  public MoeConfig moe() {
    return outline.moe();
  }

  /// Every shard of the model.
  public Set<ShardId> shards() {
    return Set.copyOf(outline.shards());
  }

  /// Memory one shard takes.
  public long shardBytes() {
    return outline.shardBytes();
  }
}
