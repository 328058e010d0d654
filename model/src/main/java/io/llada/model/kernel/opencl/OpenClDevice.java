package io.llada.model.kernel.opencl;

import com.aparapi.device.Device;
import com.aparapi.device.OpenCLDevice;

/// An OpenCL device as its driver describes it.
public final class OpenClDevice {
  /// What a device is.
  public enum Type {
    CPU, GPU, ACCELERATOR, OTHER
  }

  private final int index;
  private final OpenCLDevice device;

  OpenClDevice(int index, OpenCLDevice device) {
    this.index = index;
    this.device = device;
    // A processor computes in the arrays of this process; anything else has memory of its own.
    device.setSharedMemory(type() == Type.CPU);
  }

  /// Its place in the list of all devices, from 0.
  public int index() {
    return index;
  }

  /// As operators name it: `opencl:0 (name)`.
  public String label() {
    return "opencl:%d (%s)".formatted(index, name());
  }

  /// The driver's name for it, in printable ASCII: it goes into headers and labels.
  public String name() {
    return device.getName().strip().replaceAll("[^ -~]", "?");
  }

  public Type type() {
    return switch (device.getType()) {
      case Device.TYPE.CPU -> Type.CPU;
      case Device.TYPE.GPU -> Type.GPU;
      case Device.TYPE.ACC -> Type.ACCELERATOR;
      default -> Type.OTHER;
    };
  }

  public String platform() {
    return device.getOpenCLPlatform().getName().strip();
  }

  /// The platform's version string, which names the driver.
  public String driver() {
    return device.getOpenCLPlatform().getVersion().strip();
  }

  public int computeUnits() {
    return device.getMaxComputeUnits();
  }

  public int maxWorkGroupSize() {
    return device.getMaxWorkGroupSize();
  }

  /// Bytes of memory.
  public long memoryBytes() {
    return device.getGlobalMemSize();
  }

  /// Bytes of the largest single buffer.
  public long maxBufferBytes() {
    return device.getMaxMemAllocSize();
  }

  /// Whether buffers are the arrays of this process, not copies of them.
  public boolean sharesMemory() {
    return device.isSharedMemory();
  }

  OpenCLDevice handle() {
    return device;
  }

  @Override
  public String toString() {
    return label();
  }
}
