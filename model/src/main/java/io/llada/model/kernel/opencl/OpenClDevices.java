package io.llada.model.kernel.opencl;

import com.aparapi.device.OpenCLDevice;
import io.llada.model.experts.DeviceException;
import io.llada.model.experts.DeviceException.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;

/// The OpenCL devices of this machine.
public final class OpenClDevices {
  /// Kept, because a logger nobody refers to forgets its level.
  private static final Logger APARAPI = Logger.getLogger("com.aparapi.log");
  private static final String REMEDY = "Install an OpenCL driver: of the GPU's vendor, or for the processor PoCL "
      + "(Debian and Ubuntu: apt-get install pocl-opencl-icd ocl-icd-libopencl1), and see ./llada devices";

  private OpenClDevices() {}

  /// All devices, in the order in which the drivers name them; none where there is no driver.
  public static List<OpenClDevice> list() {
    APARAPI.setLevel(Level.SEVERE);
    List<OpenClDevice> devices = new ArrayList<>();
    for (OpenCLDevice device : OpenCLDevice.listDevices(null)) {
      devices.add(new OpenClDevice(devices.size(), device));
    }
    return List.copyOf(devices);
  }

  /// The first GPU, if there is any.
  public static Optional<OpenClDevice> firstGpu() {
    return list().stream().filter(device -> device.type() == OpenClDevice.Type.GPU).findFirst();
  }

  /// The device a user asked for.
  ///
  /// @param wanted empty: the first GPU, else the first device; a number: its index; else a part of its name
  /// @throws DeviceException when there is none, with the package to install
  public static OpenClDevice choose(String wanted) {
    List<OpenClDevice> devices = list();
    if (devices.isEmpty()) {
      throw new DeviceException(Reason.UNAVAILABLE, "OpenCL was asked for, but no OpenCL device is here. " + REMEDY);
    }
    if (wanted.isEmpty()) {
      return firstGpu().orElseGet(devices::getFirst);
    }
    Optional<OpenClDevice> found = wanted.chars().allMatch(Character::isDigit)
        ? devices.stream().filter(device -> Integer.toString(device.index()).equals(wanted)).findFirst()
        : devices.stream().filter(device -> contains(device.name(), wanted) || contains(device.platform(), wanted))
            .findFirst();
    return found.orElseThrow(() -> new DeviceException(Reason.UNAVAILABLE,
        "no OpenCL device is '%s'; there are %s".formatted(wanted, devices.stream().map(OpenClDevice::label).collect(
            Collectors.joining(", ")))));
  }

  private static boolean contains(String name, String part) {
    return name.toLowerCase(Locale.ROOT).contains(part.toLowerCase(Locale.ROOT));
  }
}
