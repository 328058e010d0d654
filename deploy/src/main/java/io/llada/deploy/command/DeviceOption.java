package io.llada.deploy.command;

import io.llada.model.experts.CpuExperts;
import io.llada.model.experts.ExpertBackend;
import io.llada.model.experts.ExpertOutline;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.opencl.DeviceTuning;
import io.llada.model.kernel.opencl.OpenClDevice;
import io.llada.model.kernel.opencl.OpenClDevices;
import io.llada.model.kernel.opencl.OpenClExperts;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/// What experts are computed on.
final class DeviceOption {
  static final String NAME = "--device";
  static final String CPU = "cpu";
  private static final String AUTO = "auto";
  private static final String OPENCL = "opencl";
  private static final Logger LOG = LoggerFactory.getLogger(DeviceOption.class);

  @Option(names = NAME, paramLabel = "DEVICE", defaultValue = CPU, description = "What computes the experts: cpu; "
      + "opencl[:INDEX|:NAME]; or auto, the first GPU with OpenCL if there is one, else cpu. See 'llada devices'. "
      + "Default: ${DEFAULT-VALUE}.")
  private String device = CPU;

  @Option(names = "--opencl-tuning", paramLabel = "SETTINGS", defaultValue = "", description = "How OpenCL kernels are cut, "
      + "for example tile=8,groups=256. Default: by the device's properties; see 'llada devices'.")
  private String tuning = "";

  String device() {
    return device;
  }

  /// Opens the experts of a model on the device.
  ///
  /// @throws io.llada.model.experts.DeviceException when there is no such device, with the package to install
  ExpertBackend open(ExpertOutline outline, Kernels kernels, ComputePool pool) {
    Optional<OpenClDevice> found = choose();
    if (found.isEmpty()) {
      return new CpuExperts(outline, kernels, pool);
    }
    DeviceTuning settings = tuning(found.get());
    LOG.info("experts on {}, {} of {}, driver {}, tuning {}", found.get(), found.get().type(), found.get().platform(),
        found.get().driver(), settings);
    return OpenClExperts.open(found.get(), settings, outline, kernels);
  }

  /// The OpenCL device that was asked for; without a word the first one.
  OpenClDevice openCl() {
    return device.equals(CPU) ? OpenClDevices.choose("") : choose().orElseGet(() -> OpenClDevices.choose(""));
  }

  DeviceTuning tuning(OpenClDevice chosen) {
    return DeviceTuning.of(chosen).with(tuning);
  }

  /// The OpenCL device; empty: the processor.
  Optional<OpenClDevice> choose() {
    if (device.equals(CPU)) {
      return Optional.empty();
    }
    if (device.equals(AUTO)) {
      Optional<OpenClDevice> gpu = OpenClDevices.firstGpu();
      LOG.info("{}", gpu.map(OpenClDevice::label).map("a GPU was found: "::concat).orElse(
          "no GPU was found: experts on the processor"));
      return gpu;
    }
    if (device.equals(OPENCL) || device.startsWith(OPENCL + ":") && device.length() > OPENCL.length() + 1) {
      return Optional.of(OpenClDevices.choose(device.substring(Math.min(device.length(), OPENCL.length() + 1))));
    }
    throw new IllegalArgumentException(
        "%s is auto, cpu, opencl, opencl:INDEX or opencl:NAME, found '%s'".formatted(NAME,
            device));
  }
}
