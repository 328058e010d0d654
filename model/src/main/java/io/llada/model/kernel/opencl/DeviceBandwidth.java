package io.llada.model.kernel.opencl;

import io.llada.model.kernel.opencl.KernelArgument.Transfer;
import java.util.List;

/// What a device's memory gives at most: copying between two buffers that fit no cache.
public final class DeviceBandwidth {
  private static final int WANTED_BYTES = 256 << 20;
  private static final int FEWEST_BYTES = 1 << 20;
  private static final int PASSES = 4;
  private static final int REPETITIONS = 5;
  private static final int GROUPS_PER_COMPUTE_UNIT = 32;
  private static final int LINE_BYTES = 64;

  private DeviceBandwidth() {}

  /// Bytes read and bytes written per second, together; the best of some repetitions.
  ///
  /// Takes 256 MiB twice, or an eighth of the heap where that is less.
  public static double copyBytesPerSecond(OpenClDevice device) {
    long most = Math.min(Runtime.getRuntime().maxMemory() / 8, device.maxBufferBytes() / 2);
    int blocks = (int) Math.max(FEWEST_BYTES, Math.min(WANTED_BYTES, most)) / LINE_BYTES;
    byte[] from = new byte[(blocks + 1) * LINE_BYTES];
    byte[] to = new byte[(blocks + 1) * LINE_BYTES];
    int groupSize = device.type() == OpenClDevice.Type.CPU ? 1 : Math.min(256, device.maxWorkGroupSize());
    String source = "#define BLOCKS %d\n#define OFFSET %d\n%s".formatted(blocks, OpenClExperts.ARRAY_OFFSET,
        ExpertSource
            .resource("copy.cl"));
    try (KernelRunner runner = new KernelRunner(device, source, List.of(new KernelArgument("from", Transfer.ONCE, from),
        new KernelArgument("to", Transfer.ONCE, to)))) {
      int groups = GROUPS_PER_COMPUTE_UNIT * Math.max(1, device.computeUnits());
      long best = Long.MAX_VALUE;
      for (int i = 0; i <= REPETITIONS; i++) {
        long start = System.nanoTime();
        for (int pass = 0; pass < (KernelRunner.HAS_EVENTS ? PASSES : 1); pass++) {
          runner.launch(groups, groupSize, KernelRunner.HAS_EVENTS ? 1 : PASSES, false);
        }
        // The first one brings the buffers there.
        best = i == 0 ? best : Math.min(best, System.nanoTime() - start);
      }
      return 2.0 * LINE_BYTES * blocks * PASSES / best * 1e9;
    }
  }

  /// Seconds of a launch that does nothing; the best of some.
  public static double launchSeconds(OpenClDevice device) {
    String source = "kernel void run(global uchar* one, int passid) {}";
    try (KernelRunner runner = new KernelRunner(device, source, List.of(new KernelArgument("one", Transfer.ONCE,
        new byte[1])))) {
      long best = Long.MAX_VALUE;
      for (int i = 0; i < 200; i++) {
        long start = System.nanoTime();
        runner.launch(1, 1, 1, false);
        best = Math.min(best, System.nanoTime() - start);
      }
      return best / 1e9;
    }
  }
}
