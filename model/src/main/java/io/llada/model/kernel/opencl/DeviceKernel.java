package io.llada.model.kernel.opencl;

import com.aparapi.Kernel;
import com.aparapi.Range;
import io.llada.model.experts.DeviceException;
import io.llada.model.experts.DeviceException.Reason;

/// A kernel in Java that runs on a device or not at all.
///
/// Aparapi computes on Java threads what it cannot translate or launch, without a word. It begins that by cloning the
/// kernel, or by asking for another algorithm: both are refused here.
abstract class DeviceKernel extends Kernel {
  @Override
  public final Kernel clone() {
    throw refusal();
  }

  @Override
  public final boolean hasFallbackAlgorithm() {
    return true;
  }

  @Override
  public final void executeFallbackAlgorithm(Range range, int pass) {
    throw refusal();
  }

  private DeviceException refusal() {
    return new DeviceException(Reason.BUILD_FAILED, getClass().getSimpleName()
        + " cannot be translated or launched, and is not computed on Java threads instead; -Dcom.aparapi.logLevel=FINE says why");
  }
}
