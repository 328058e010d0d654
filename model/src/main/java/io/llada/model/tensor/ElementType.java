package io.llada.model.tensor;

/// Number formats of weights.
public enum ElementType {
  /// 32-bit IEEE 754.
  F32(4),
  /// The upper half of an F32.
  BF16(2);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /// Size of one element in bytes.
  public int bytes() {
    return bytes;
  }
}
