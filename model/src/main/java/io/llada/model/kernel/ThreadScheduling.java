package io.llada.model.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// How the system shares cores between a thread that computes and those that move rows.
public final class ThreadScheduling {
  private static final int SCHED_BATCH = 3;
  private static final int THIS_THREAD = 0;
  private static final Optional<MethodHandle> SET_SCHEDULER = find();

  private ThreadScheduling() {}

  @SuppressWarnings("restricted")
  private static Optional<MethodHandle> find() {
    if (!System.getProperty("os.name").equals("Linux")) {
      return Optional.empty();
    }
    Linker linker = Linker.nativeLinker();
    return linker.defaultLookup().find("sched_setscheduler").map(address -> linker.downcallHandle(address,
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS)));
  }

  /// Makes the calling thread one that computes: when it wakes up it interrupts no other, but waits for a core that is
  /// free or a turn that ends. Its share of the cores stays the same. Other systems than Linux do not have that.
  ///
  /// @return whether the system has agreed
  public static boolean compute() {
    if (SET_SCHEDULER.isEmpty()) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment priority = arena.allocateFrom(ValueLayout.JAVA_INT, 0);
      return (int) SET_SCHEDULER.get().invokeExact(THIS_THREAD, SCHED_BATCH, priority) == 0;
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("a thread cannot be scheduled otherwise", e);
    }
  }
}
