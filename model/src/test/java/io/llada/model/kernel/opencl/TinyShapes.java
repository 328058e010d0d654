package io.llada.model.kernel.opencl;

import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.RandomExperts;
import io.llada.model.kernel.WeightFormat;

/// Runs every kernel once at shapes so small that a device simulator can follow. Started by [OclgrindIT].
final class TinyShapes {
  private TinyShapes() {}

  public static void main(String[] arguments) {
    OpenClDevice device = OpenClDevices.choose("");
    System.out.println("device " + device);
    for (WeightFormat format : WeightFormat.values()) {
      // Widths that are no multiple of a panel are for the formats that allow them.
      int hiddenSize = format.isQuantised() ? 64 : 40;
      int width = format.isQuantised() ? 32 : 21;
      for (String settings : new String[]{"lanes=16,groupSize=1,groups=4", "lanes=1,groupSize=16,groups=4"}) {
        RandomExperts random = new RandomExperts(RandomExperts.shape(2, 2, 2, width), hiddenSize, format, 2, 1);
        try (OpenClExperts experts = new OpenClExperts(device, DeviceTuning.of(device).with(settings), random.moe(),
            hiddenSize, "")) {
          ExpertShard[] shards = {experts.load(new ShardId(0, 0), random), experts.load(new ShardId(0, 1), random)};
          ExpertBatch batch = random.batch(0, 5, 1);
          System.out.println(format + " " + settings + " " + experts.compute(batch, group -> shards[group]).count());
        }
      }
    }
    float[] sums = new WeightedSum(device).of(new float[]{1, 2}, new float[]{1, 2, 3, 4}, 2);
    System.out.println("weighted sum " + sums[0] + " " + sums[1]);
    System.out.println("done");
  }
}
