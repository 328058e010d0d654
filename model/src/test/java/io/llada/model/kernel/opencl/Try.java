package io.llada.model.kernel.opencl;

import io.llada.model.experts.*;
import io.llada.model.kernel.*;
import java.util.*;

class Try {
  public static void main(String[] a) {
    WeightFormat format = WeightFormat.valueOf(a[0]);
    int hidden = Integer.parseInt(a[1]), width = Integer.parseInt(a[2]), tokens = Integer.parseInt(a[3]), experts = Integer.parseInt(a[4]);
    OpenClDevice device = OpenClDevices.choose("");
    DeviceTuning tuning = DeviceTuning.of(device).with(a.length > 5 ? a[5] : "");
    System.out.println(device + " " + tuning);
    RandomExperts random = new RandomExperts(experts, experts >= 8 ? 8 : 1, Math.min(8, experts), hidden, width, format);
    var shards = random.shards();
    ExpertBatch batch = random.batch(tokens, 3);
    try (ComputePool pool = new ComputePool(2); OpenClExperts ocl = new OpenClExperts(device, tuning, random.moe, hidden, null, "x")) {
      var heap = random.heapShards();
      heap.forEach(ocl::keep);
      PartialSums want = random.expected(batch, Kernels.best(), pool, shards);
      PartialSums got = ocl.compute(batch, heap::get);
      int diff = 0; double num = 0, den = 0;
      for (int i = 0; i < want.rows().length; i++) {
        if (Float.floatToRawIntBits(want.rows()[i]) != Float.floatToRawIntBits(got.rows()[i])) diff++;
        num += Math.pow(want.rows()[i] - got.rows()[i], 2); den += Math.pow(want.rows()[i], 2);
      }
      System.out.printf("%d of %d differ, relative L2 %g%n", diff, want.rows().length, Math.sqrt(num / den));
      long bytes = heap.stream().mapToLong(ExpertShard::bytes).sum() / experts * new ExpertJobs(batch, random.moe).tasks();
      double bc = 1e9, bo = 1e9;
      for (int r = 0; r < 30; r++) {
        long t = System.nanoTime();
        random.expected(batch, Kernels.best(), pool, shards);
        bc = Math.min(bc, System.nanoTime() - t);
        t = System.nanoTime();
        ocl.compute(batch, heap::get);
        bo = Math.min(bo, System.nanoTime() - t);
      }
      System.out.printf("%s %dx%d t=%d: cpu %.3f ms %.1f GB/s, opencl %.3f ms %.1f GB/s, ratio %.2f%n", format, hidden, width, tokens, bc / 1e6, bytes / bc, bo / 1e6, bytes / bo, bc / bo);
    }
  }
}
