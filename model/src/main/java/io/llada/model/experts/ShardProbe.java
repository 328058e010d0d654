package io.llada.model.experts;

import io.llada.model.config.MoeConfig;
import io.llada.model.files.CheckpointException;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.packed.PackedManifest;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.function.Function;

/// Tries a shard that was just loaded, where it will be computed: a known row goes through each of its experts.
///
/// What comes out must be finite and not all zero, for each expert by itself; one expert is computed a second time by the
/// scalar twin, where that has the same arithmetic, and must give the same bits. The digest of all outputs is the same
/// wherever the same weights are computed in the same numerics class: nodes compare theirs. Thread-safe.
public final class ShardProbe {
  private static final long SEED = 20_261_122;

  private final MoeConfig moe;
  private final int hiddenSize;
  private final String numericsClass;

  /// @param numericsClass of the device that is tried
  public ShardProbe(MoeConfig moe, int hiddenSize, String numericsClass) {
    this.moe = moe;
    this.hiddenSize = hiddenSize;
    this.numericsClass = numericsClass;
  }

  /// Computes the known rows.
  ///
  /// @param compute the device
  /// @return SHA-256 (hex) of the outputs
  /// @throws CheckpointException naming the expert that computes nothing of use
  public String digest(ExpertShard shard, Function<ExpertBatch, PartialSums> compute) {
    int experts = shard.experts().size();
    float[] rows = compute.apply(batch(shard, 0, experts)).rows();
    for (int i = 0; i < experts; i++) {
      requireUse(shard, i, Arrays.copyOfRange(rows, i * hiddenSize, (i + 1) * hiddenSize));
    }
    int twice = (shard.id().layer() + shard.id().group()) % experts;
    requireTwin(shard, twice, Arrays.copyOfRange(rows, twice * hiddenSize, (twice + 1) * hiddenSize));
    MessageDigest sha256 = PackedManifest.sha256();
    byte[] bytes = new byte[experts * hiddenSize * Float.BYTES];
    MemorySegment.copy(rows, 0, MemorySegment.ofArray(bytes), ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(
        ByteOrder.LITTLE_ENDIAN), 0, experts * hiddenSize);
    return HexFormat.of().formatHex(sha256.digest(bytes));
  }

  /// One row for each of some experts.
  private ExpertBatch batch(ExpertShard shard, int first, int count) {
    float[] rows = new float[count * hiddenSize];
    int[] tokens = new int[count];
    int[] experts = new int[count];
    float[] weights = new float[count];
    for (int i = 0; i < count; i++) {
      SplittableRandom random = new SplittableRandom(SEED + first + i);
      for (int column = 0; column < hiddenSize; column++) {
        rows[i * hiddenSize + column] = (float) random.nextDouble(-2, 2);
      }
      tokens[i] = i;
      experts[i] = shard.firstExpert() + first + i;
      weights[i] = 1;
    }
    return new ExpertBatch(shard.id().layer(), count, rows, tokens, experts, weights);
  }

  private static void requireUse(ExpertShard shard, int index, float[] row) {
    boolean isZero = true;
    for (float value : row) {
      if (!Float.isFinite(value)) {
        throw new CheckpointException(
            "%s: expert %d makes %s of a known input, expected finite numbers: its weights are "
                .formatted(shard.id(), shard.firstExpert() + index, value) + "damaged");
      }
      isZero &= value == 0;
    }
    if (isZero) {
      throw new CheckpointException("%s: expert %d makes nothing but zeros of a known input: its weights are zero or "
          .formatted(shard.id(), shard.firstExpert() + index) + "damaged");
    }
  }

  private void requireTwin(ExpertShard shard, int index, float[] row) {
    Kernels scalar = new ScalarKernels();
    if (!numericsClass.equals(scalar.numericsClass())) {
      return;
    }
    try (ComputePool alone = new ComputePool(1)) {
      float[] expected = new ExpertFeedForward(moe, hiddenSize, scalar, alone)
          .compute(batch(shard, index, 1), _ -> shard)
          .rows();
      // Compares bits: an array of floats is equal to another when floatToIntBits of all elements are.
      if (!Arrays.equals(expected, row)) {
        throw new CheckpointException("%s: expert %d gives other bits than the scalar kernels: this device or its "
            .formatted(shard.id(), shard.firstExpert() + index) + "memory is faulty");
      }
    }
  }
}
