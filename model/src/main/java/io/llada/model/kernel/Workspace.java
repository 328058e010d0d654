package io.llada.model.kernel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.ToIntFunction;

/// Buffers that are used again and again, so that computing allocates nothing once it has run for a while.
///
/// Buffers are taken in order and given back in the opposite one, like a stack: whoever comes back to a mark finds the
/// buffers of the time before. They keep what was in them and may be longer than asked for. What is computed on a thread
/// takes its buffers from that thread's workspace, a whole forward pass like one item of its work, and leaves it as it
/// found it:
///
/// ```
/// Workspace workspace = Workspace.ofThread();
/// long mark = workspace.mark();
/// try {
///   float[] scores = workspace.floats(rows * columns);
///   ...
/// } finally {
///   workspace.release(mark);
/// }
/// ```
///
/// Other threads may read and write a buffer while its owner waits for them; a workspace itself is not thread-safe.
public final class Workspace {
  private static final ThreadLocal<Workspace> OF_THREAD = ThreadLocal.withInitial(Workspace::new);
  /// Bits of each stack's height in a mark.
  private static final int HEIGHT_BITS = 12;
  private static final int HEIGHTS = (1 << HEIGHT_BITS) - 1;

  private final Stack<float[]> floats = new Stack<>(float[]::new, buffer -> buffer.length);
  private final Stack<int[]> ints = new Stack<>(int[]::new, buffer -> buffer.length);
  private final Stack<long[]> longs = new Stack<>(long[]::new, buffer -> buffer.length);
  private final Stack<short[]> shorts = new Stack<>(short[]::new, buffer -> buffer.length);
  private final Stack<byte[]> bytes = new Stack<>(byte[]::new, buffer -> buffer.length);

  /// Buffers of one type, those in use first.
  private static final class Stack<T> {
    private final List<T> buffers = new ArrayList<>();
    private final IntFunction<T> maker;
    private final ToIntFunction<T> lengthOf;
    private int used;

    Stack(IntFunction<T> maker, ToIntFunction<T> lengthOf) {
      this.maker = maker;
      this.lengthOf = lengthOf;
    }

    T take(int length) {
      if (used == HEIGHTS) {
        throw new IllegalStateException("%d buffers are in use; somebody does not release them".formatted(used));
      }
      if (used == buffers.size()) {
        buffers.add(maker.apply(length));
      } else if (lengthOf.applyAsInt(buffers.get(used)) < length) {
        // Half as much again: sequences grow, and every pass would need a little more.
        int old = lengthOf.applyAsInt(buffers.get(used));
        buffers.set(used, maker.apply(Math.max(length, old + old / 2)));
      }
      return buffers.get(used++);
    }
  }

  /// The workspace of the calling thread.
  public static Workspace ofThread() {
    return OF_THREAD.get();
  }

  /// A buffer of at least `length` numbers, whatever is in it.
  public float[] floats(int length) {
    return floats.take(length);
  }

  /// As [#floats], the first `length` numbers zero.
  public float[] zeros(int length) {
    float[] buffer = floats.take(length);
    Arrays.fill(buffer, 0, length, 0f);
    return buffer;
  }

  /// As [#floats].
  public int[] ints(int length) {
    return ints.take(length);
  }

  /// As [#floats].
  public long[] longs(int length) {
    return longs.take(length);
  }

  /// As [#floats].
  public short[] shorts(int length) {
    return shorts.take(length);
  }

  /// As [#floats].
  public byte[] bytes(int length) {
    return bytes.take(length);
  }

  /// What is in use now, for [#release].
  public long mark() {
    long mark = floats.used;
    mark = mark << HEIGHT_BITS | ints.used;
    mark = mark << HEIGHT_BITS | longs.used;
    mark = mark << HEIGHT_BITS | shorts.used;
    return mark << HEIGHT_BITS | bytes.used;
  }

  /// Gives back everything taken since the mark.
  public void release(long mark) {
    floats.used = (int) (mark >>> 4 * HEIGHT_BITS);
    ints.used = (int) (mark >>> 3 * HEIGHT_BITS) & HEIGHTS;
    longs.used = (int) (mark >>> 2 * HEIGHT_BITS) & HEIGHTS;
    shorts.used = (int) (mark >>> HEIGHT_BITS) & HEIGHTS;
    bytes.used = (int) mark & HEIGHTS;
  }
}
