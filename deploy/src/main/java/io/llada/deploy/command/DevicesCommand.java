package io.llada.deploy.command;

import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.MachineLimits;
import io.llada.model.kernel.PackedMatrix;
import io.llada.model.kernel.opencl.DeviceBandwidth;
import io.llada.model.kernel.opencl.DeviceTuning;
import io.llada.model.kernel.opencl.OpenClDevice;
import io.llada.model.kernel.opencl.OpenClDevices;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// What experts can be computed on.
@Command(name = "devices", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Lists what expert nodes can compute on, for --device: the processor and every OpenCL device.",
    "Bandwidths are measured now: reading memory for the processor, copying (bytes read and written) for OpenCL."})
public final class DevicesCommand implements Callable<Integer> {
  private static final long READ_BYTES = 256L << 20;
  private static final int REPETITIONS = 5;

  @Option(names = "--quick", description = "Without measuring.")
  private boolean isQuick;

  @Override
  public Integer call() {
    System.out.printf("cpu%n  %d cores%s%n", Runtime.getRuntime().availableProcessors(), isQuick
        ? ""
        : String.format(Locale.ROOT, ", reads %.1f GB/s", readGBs()));
    List<OpenClDevice> devices = OpenClDevices.list();
    devices.forEach(this::print);
    if (devices.isEmpty()) {
      System.out.println(
          "no OpenCL device: install the GPU vendor's driver, or for the processor PoCL "
              + "(apt-get install pocl-opencl-icd ocl-icd-libopencl1)");
    }
    return 0;
  }

  private void print(OpenClDevice device) {
    System.out.printf("opencl:%d  %s%n  platform   %s%n  driver     %s%n  type       %s, %d compute units%n"
        + "  memory     %s%s, at most %s in one buffer%n", device.index(), device.name(), device.platform(),
        device
            .driver(),
        device.type(), device.computeUnits(), InspectCommand.bytes(device.memoryBytes()), device
            .sharesMemory() ? " shared with the processor" : "",
        InspectCommand.bytes(device.maxBufferBytes()));
    if (!isQuick) {
      System.out.printf(Locale.ROOT, "  bandwidth  copies %.1f GB/s; a launch takes %.0f us%n", DeviceBandwidth
          .copyBytesPerSecond(device) / 1e9, DeviceBandwidth.launchSeconds(device) * 1e6);
    }
    System.out.printf("  tuning     %s%n", DeviceTuning.of(device));
  }

  private static double readGBs() {
    double best = 0;
    try (Arena arena = Arena.ofShared(); ComputePool pool = ComputePool.ofAllCores()) {
      var data = arena.allocate(READ_BYTES, PackedMatrix.ALIGNMENT).fill((byte) 1);
      for (int i = 0; i < REPETITIONS; i++) {
        best = Math.max(best, MachineLimits.readBytesPerSecond(data, pool) / 1e9);
      }
    }
    return best;
  }
}
