package io.llada.model.kernel;

/// The number format of cached keys and values. A model's results depend on it; nothing else does.
public enum CacheFormat {
  /// 32-bit IEEE 754; nothing is rounded.
  F32(Float.BYTES) {
    @Override
    CachedNumbers numbers(int count) {
      return new CachedNumbers.Floats(new float[count]);
    }
  },
  /// Rounded to nearest, ties to even, when stored; widened exactly when read. Half the memory.
  BF16(Short.BYTES) {
    @Override
    CachedNumbers numbers(int count) {
      return new CachedNumbers.Halves(count);
    }
  };

  private final int bytes;

  CacheFormat(int bytes) {
    this.bytes = bytes;
  }

  /// Bytes of one number.
  public int bytes() {
    return bytes;
  }

  /// Zeros.
  ///
  /// @param count even
  abstract CachedNumbers numbers(int count);
}
