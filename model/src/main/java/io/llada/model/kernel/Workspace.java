package io.llada.model.kernel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Buffers that are used again and again, so that computing allocates nothing once it has run for a while.
///
/// Buffers are taken in order and given back in the opposite one, like a stack: whoever comes back to a mark takes the
/// same arrays as the time before. They keep what was in them and may be longer than asked for. Not thread-safe: one
/// thread, or one forward pass, has a workspace for itself.
public final class Workspace {
  private final List<float[]> floats = new ArrayList<>();
  private int floatsInUse;

  /// A buffer of at least `length` numbers, whatever is in it.
  public float[] floats(int length) {
    if (floatsInUse == floats.size()) {
      floats.add(new float[length]);
    } else if (floats.get(floatsInUse).length < length) {
      int old = floats.get(floatsInUse).length;
      floats.set(floatsInUse, new float[Math.max(length, old + old / 2)]);
    }
    return floats.get(floatsInUse++);
  }

  /// As [#floats], the first `length` numbers zero.
  public float[] zeros(int length) {
    float[] buffer = floats(length);
    Arrays.fill(buffer, 0, length, 0f);
    return buffer;
  }

  /// What is in use now, for [#release].
  public int mark() {
    return floatsInUse;
  }

  /// Gives back everything taken since the mark.
  public void release(int mark) {
    floatsInUse = mark;
  }
}
