package io.llada.model.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// Native memory in 2 MiB pages where the system has them.
///
/// A step reads gigabytes of weights once each; with 4 KiB pages a good part of that time goes into looking up pages.
/// The memory is anonymous (a file mapping cannot have large pages), is advised before it is first touched, and the
/// system is asked, not forced: where it says no, pages are small and nothing else changes. Where the machine has several
/// NUMA nodes, pages lie on them in turn.
public final class LargePages {
  private static final long PAGE = 2L << 20;
  private static final int READ_WRITE = 3;
  private static final int PRIVATE_ANONYMOUS = 0x22;
  private static final int MADV_HUGEPAGE = 14;
  private static final Optional<SystemCalls> CALLS = SystemCalls.find();
  private static final NumaNodes NODES = NumaNodes.ofThisMachine();

  private LargePages() {}

  /// The calls of a Linux system.
  private record SystemCalls(MethodHandle map, MethodHandle advise, MethodHandle unmap) {
    static Optional<SystemCalls> find() {
      if (!System.getProperty("os.name").equals("Linux")) {
        return Optional.empty();
      }
      return Optional.of(new SystemCalls(handle("mmap", FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS,
          ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
          ValueLayout.JAVA_LONG)), handle("madvise",
              FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS,
                  ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT)),
          handle("munmap", FunctionDescriptor.of(
              ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG))));
    }

    @SuppressWarnings("restricted")
    private static MethodHandle handle(String name, FunctionDescriptor shape) {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), shape);
    }
  }

  /// Zeroed memory, in large pages where it is worth one.
  ///
  /// @param arena whose end frees the memory
  /// @throws OutOfMemoryError when the system has no more
  public static MemorySegment allocate(long bytes, Arena arena) {
    return bytes < PAGE || CALLS.isEmpty()
        ? arena.allocate(bytes, PackedMatrix.ALIGNMENT)
        : map(CALLS.get(), bytes,
            arena);
  }

  /// The same as an allocator.
  public static SegmentAllocator in(Arena arena) {
    return (bytes, _) -> allocate(bytes, arena);
  }

  @SuppressWarnings("restricted")
  private static MemorySegment map(SystemCalls calls, long bytes, Arena arena) {
    long reserved = (bytes + 2 * PAGE - 1) / PAGE * PAGE; // room to begin at a page
    try {
      MemorySegment start = (MemorySegment) calls.map().invokeExact(MemorySegment.NULL, reserved, READ_WRITE,
          PRIVATE_ANONYMOUS, -1, 0L);
      if (start.address() == -1) {
        throw new OutOfMemoryError("%d bytes of native memory".formatted(reserved));
      }
      MemorySegment memory = start.reinterpret(reserved, arena, segment -> unmap(calls, segment, reserved));
      // Its answer does not matter: small pages are slower, not wrong.
      int unused = (int) calls.advise().invokeExact(memory, reserved, MADV_HUGEPAGE);
      if (NODES.areSeveral()) {
        NODES.interleave(memory);
      }
      long gap = (PAGE - start.address() % PAGE) % PAGE;
      return memory.asSlice(gap, bytes);
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("native memory cannot be mapped", e);
    }
  }

  private static void unmap(SystemCalls calls, MemorySegment segment, long bytes) {
    try {
      int unused = (int) calls.unmap().invokeExact(segment, bytes);
    } catch (Throwable e) {
      throw new IllegalStateException("native memory cannot be unmapped", e);
    }
  }
}
