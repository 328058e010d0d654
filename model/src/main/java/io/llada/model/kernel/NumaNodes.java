package io.llada.model.kernel;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Optional;

/// Spreads memory over the nodes of a machine with several memory controllers (Linux, mbind(2)).
///
/// Every thread reads weights from everywhere: on one node they would be bound by that node's bandwidth. The system is
/// asked, not forced: where it says no, memory lies where it is first touched, and nothing else changes.
final class NumaNodes {
  private static final Path ONLINE = Path.of("/sys/devices/system/node/online");
  private static final int MPOL_INTERLEAVE = 3;
  /// Nodes above this one do not exist in any kernel.
  private static final int MOST_NODES = 1024;

  private final Optional<MethodHandle> bind;
  private final BitSet nodes;

  private NumaNodes(Optional<MethodHandle> bind, BitSet nodes) {
    this.bind = bind;
    this.nodes = nodes;
  }

  /// The nodes of this machine; none where the system does not tell.
  static NumaNodes ofThisMachine() {
    try {
      return of(Files.readString(ONLINE));
    } catch (IOException | IllegalArgumentException e) {
      return new NumaNodes(Optional.empty(), new BitSet());
    }
  }

  /// @param list for example `0-3,8`
  /// @throws IllegalArgumentException when it is no such list
  static NumaNodes of(String list) {
    return new NumaNodes(bindCall(), parse(list));
  }

  static BitSet parse(String list) {
    BitSet nodes = new BitSet();
    for (String range : list.strip().split(",", -1)) {
      String[] ends = range.split("-", -1);
      int first = Integer.parseInt(ends[0]);
      int last = Integer.parseInt(ends[ends.length - 1]);
      if (ends.length > 2 || first < 0 || last < first || last >= MOST_NODES) {
        throw new IllegalArgumentException("'%s' is no list of nodes below %d, such as 0-3,8".formatted(list,
            MOST_NODES));
      }
      nodes.set(first, last + 1);
    }
    return nodes;
  }

  /// `mbind` is in no library every system has, `syscall` is in the C library.
  @SuppressWarnings("restricted")
  private static Optional<MethodHandle> bindCall() {
    if (callNumber() < 0) {
      return Optional.empty();
    }
    Linker linker = Linker.nativeLinker();
    return linker.defaultLookup().find("syscall").map(call -> linker.downcallHandle(call, FunctionDescriptor.of(
        ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
        ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG), Linker.Option.firstVariadicArg(1)));
  }

  /// The number of mbind on this processor, or -1.
  private static long callNumber() {
    return !System.getProperty("os.name").equals("Linux") ? -1 : switch (System.getProperty("os.arch")) {
      case "amd64" -> 237;
      case "aarch64" -> 235;
      default -> -1;
    };
  }

  boolean areSeveral() {
    return nodes.cardinality() > 1;
  }

  /// Asks for the pages of memory nobody has touched yet to lie on the nodes in turn.
  ///
  /// @param memory begins at a page
  /// @return whether the system agreed
  boolean interleave(MemorySegment memory) {
    if (bind.isEmpty()) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mask = arena.allocateFrom(ValueLayout.JAVA_LONG, nodes.toLongArray());
      // The kernel counts one bit less than it is told.
      long bits = mask.byteSize() * Byte.SIZE + 1;
      return (long) bind.get().invokeExact(callNumber(), memory, memory.byteSize(), (long) MPOL_INTERLEAVE, mask, bits,
          0L) == 0;
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("memory cannot be spread over nodes", e);
    }
  }
}
