package io.llada.model.kernel.opencl;

import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertFeedForward;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.PartialSums;
import io.llada.model.experts.RandomExperts;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.LargePages;
import io.llada.model.kernel.WeightFormat;
import java.lang.foreign.Arena;
import java.util.Arrays;

/// Finds out which numerics class a device belongs to.
///
/// The kernels of a device do what [io.llada.model.kernel.ScalarKernels] writes down, operation by operation. A device
/// that computes them as IEEE 754 says gives the processor's bits and belongs to its class; whether it does is tried with
/// experts of the model's own shape and format. Another one has a class of its own.
final class NumericsProbe {
  private static final int EXPERTS = 2;
  /// Every token tile of the kernels, and more than one of the largest.
  private static final int TOKENS = 15;
  /// From far below what is rounded to zero to where the exponential is cut off.
  private static final float[] MAGNITUDES = {1f, 1e-3f, 30f, 0f, 1e-12f, 1e-32f, 1e3f};

  private NumericsProbe() {}

  /// The numerics class of the device.
  ///
  /// @throws io.llada.model.experts.DeviceException when the device cannot run the kernels
  static String classOf(OpenClDevice device, DeviceTuning tuning, MoeConfig model, int hiddenSize, WeightFormat format,
      Kernels kernels) {
    MoeConfig moe = RandomExperts.shape(EXPERTS, 1, EXPERTS, model.expertWidth());
    RandomExperts random = new RandomExperts(moe, hiddenSize, format, EXPERTS, EXPERTS);
    ShardId id = new ShardId(0, 0);
    ExpertBatch batch = random.batch(0, TOKENS, 1);
    for (int i = 0; i < batch.rows().length; i++) {
      batch.rows()[i] *= MAGNITUDES[i / hiddenSize % MAGNITUDES.length];
    }
    try (Arena arena = Arena.ofShared();
        ComputePool pool = new ComputePool(1);
        OpenClExperts experts = new OpenClExperts(device, tuning, moe, hiddenSize, "")) {
      ExpertShard onProcessor = random.load(id, LargePages.in(arena), () -> {});
      ExpertShard onDevice = experts.load(id, random);
      PartialSums expected = new ExpertFeedForward(moe, hiddenSize, kernels, pool).compute(batch, _ -> onProcessor);
      PartialSums found = experts.compute(batch, _ -> onDevice);
      onDevice.close();
      // Compares bits: an array of floats is equal to another when floatToIntBits of all elements are.
      return Arrays.equals(expected.rows(), found.rows())
          ? kernels.numericsClass()
          : "opencl-%s-%s".formatted(device.name(), device.driver());
    }
  }
}
