package io.llada.model.kernel.opencl;

import com.aparapi.Config;
import com.aparapi.Kernel;
import com.aparapi.ProfileInfo;
import com.aparapi.Range;
import com.aparapi.internal.jni.KernelRunnerJNI;
import io.llada.model.experts.DeviceException;
import io.llada.model.experts.DeviceException.Reason;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/// A kernel of our own on one device: a context, a queue, a program whose entry point is `run`, and its arguments.
///
/// Aparapi's native runner does the work, its translation of Java is not involved, and there is no fallback: what
/// returns normally was computed by the device. Thread-safe: launches of one runner come one after the other.
final class KernelRunner extends KernelRunnerJNI implements AutoCloseable {
  /// Whether Aparapi was started with profiling, so that launches leave events.
  static final boolean HAS_EVENTS = Config.enableProfiling;

  private static final int GPU_FLAG = JNI_FLAG_USE_GPU;
  /// Aparapi's compiler and the OpenCL loader are not thread-safe.
  private static final Object BUILDING = new Object();
  /// How Aparapi labels the events of executions.
  private static final String EXECUTION = "exec()";
  private static final int OUT_OF_DEVICE_MEMORY = -4;
  private static final int OUT_OF_RESOURCES = -5;
  private static final int OUT_OF_HOST_MEMORY = -6;
  private static final int INVALID_BUFFER_SIZE = -61;

  private final OpenClDevice device;
  private final long context;
  private final ByteBuffer in = ByteBuffer.allocateDirect(Integer.BYTES).order(ByteOrder.nativeOrder());
  private final ByteBuffer out = ByteBuffer.allocateDirect(Integer.BYTES).order(ByteOrder.nativeOrder());
  private boolean closed;

  /// What the device reported about its last execution, nanoseconds of its own clock.
  record Event(long start, long end) {}

  /// @param arguments the parameters of `run` in order, without the last one, which is `int passid`
  /// @throws DeviceException with the reason BUILD_FAILED when the source does not compile; the compiler's log is on
  ///   standard error
  KernelRunner(OpenClDevice device, String source, List<KernelArgument> arguments) {
    this.device = device;
    synchronized (BUILDING) {
      context = initJNI(new Holder(), device.handle(), device.type() == OpenClDevice.Type.GPU ? GPU_FLAG : 0);
      if (context == 0) {
        throw new DeviceException(Reason.UNAVAILABLE, device + " gives no context; its driver said why above");
      }
      if (buildProgramJNI(context, source, "") == 0) {
        // The native context is lost: without arguments it cannot be disposed of safely.
        throw new DeviceException(Reason.BUILD_FAILED, device + " does not compile a kernel; its log is above");
      }
    }
    check(setArgsJNI(context, arguments.toArray(KernelArgument[]::new), arguments.size()), "setting arguments");
  }

  /// Runs the kernel and waits for its end.
  ///
  /// @param groups work-groups
  /// @param groupSize work-items of each
  /// @param passes runs of the kernel, one after another, with `passid` 0, 1, ...
  /// @param hasNewArguments whether an argument's array was exchanged
  /// @throws DeviceException when the device failed
  synchronized void launch(int groups, int groupSize, int passes, boolean hasNewArguments) {
    if (closed) {
      throw new IllegalStateException("the runner of " + device + " is closed");
    }
    Range range = Range.create(device.handle(), Math.multiplyExact(groups, groupSize), groupSize);
    check(runKernelJNI(context, range, hasNewArguments, passes, in, out), "a launch");
  }

  /// The event of the last launch's last pass.
  ///
  /// @throws IllegalStateException without profiling
  synchronized Event lastEvent() {
    if (!HAS_EVENTS) {
      throw new IllegalStateException("events need -Dcom.aparapi.enableProfiling=true");
    }
    ProfileInfo last = getProfileInfoJNI(context).stream().filter(info -> info.getLabel().equals(EXECUTION))
        .toList().getLast();
    return new Event(last.getStart(), last.getEnd());
  }

  private void check(int status, String what) {
    if (status == 0) {
      return;
    }
    Reason reason = switch (status) {
      case OUT_OF_DEVICE_MEMORY, OUT_OF_HOST_MEMORY, INVALID_BUFFER_SIZE -> Reason.OUT_OF_MEMORY;
      default -> Reason.LAUNCH_FAILED;
    };
    throw new DeviceException(reason, "%s failed at %s with OpenCL error %d%s".formatted(device, what, status,
        switch (status) {
          case OUT_OF_DEVICE_MEMORY -> " (no memory for a buffer)";
          case OUT_OF_RESOURCES -> " (out of resources)";
          case OUT_OF_HOST_MEMORY -> " (out of host memory)";
          case INVALID_BUFFER_SIZE -> " (a buffer is larger than the device allows)";
          default -> "";
        }));
  }

  /// Frees context, queue, program and all buffers.
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      disposeJNI(context);
    }
  }

  /// What Aparapi reads scalar parameters from; ours has none.
  private static final class Holder extends Kernel {
    @Override
    public void run() {
      throw new IllegalStateException("the kernel is written in OpenCL C");
    }
  }
}
