package io.llada.model.kernel.opencl;

import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/// The device that tests run on.
final class TestDevice {
  /// Set by `.ci/run`: there a machine without a device is a failure, not a reason to test less.
  private static final boolean IS_REQUIRED = "true".equals(System.getenv("LLADA_REQUIRE_OPENCL"));

  private TestDevice() {}

  /// The first device; without one the test is skipped, or fails where a device is required.
  static OpenClDevice required() {
    List<OpenClDevice> devices = OpenClDevices.list();
    if (devices.isEmpty()) {
      absent("no OpenCL device here; apt-get install pocl-opencl-icd ocl-icd-libopencl1");
    }
    return devices.getFirst();
  }

  /// Ends a test that needs something this machine lacks.
  static void absent(String reason) {
    if (IS_REQUIRED) {
      Assertions.fail(reason);
    }
    Assumptions.abort(reason);
  }
}
