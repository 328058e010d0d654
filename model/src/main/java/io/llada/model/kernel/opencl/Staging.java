package io.llada.model.kernel.opencl;

import java.util.function.IntFunction;

/// Arrays through which rows travel to a device and back. They travel whole, so there is one for each power of two.
///
/// Confined to its owner's lock.
final class Staging<T> {
  private static final int FEWEST = 10;

  private final IntFunction<T> allocate;
  private final Object[] bySize = new Object[Integer.SIZE];

  Staging(IntFunction<T> allocate) {
    this.allocate = allocate;
  }

  /// An array of at least this length; its content is whatever was left there.
  @SuppressWarnings("unchecked")
  T ofLength(long length) {
    int power = Math.max(FEWEST, Long.SIZE - Long.numberOfLeadingZeros(Math.max(1, length) - 1));
    if (power >= Integer.SIZE - 1) {
      throw new IllegalArgumentException("a batch of %d elements is too large for one array".formatted(length));
    }
    if (bySize[power] == null) {
      bySize[power] = allocate.apply(1 << power);
    }
    return (T) bySize[power];
  }
}
