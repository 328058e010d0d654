package io.llada.model.experts;

import io.llada.model.kernel.Bf16;

/// The number format in which token rows travel between coordinator and expert nodes.
///
/// It is a setting of the whole cluster. In-process experts round to it as well, so that the same request gives the
/// same bits whether its experts run here or elsewhere.
public enum ActivationType {
  /// 32-bit IEEE 754; nothing is rounded.
  F32,
  /// The upper 16 bits of F32, rounded to nearest, ties to even.
  BF16;

  /// Rounds `count` values from `offset` to this type, in place.
  public void round(float[] values, int offset, int count) {
    if (this == F32) {
      return;
    }
    for (int i = offset; i < offset + count; i++) {
      values[i] = Bf16.value(Bf16.bits(values[i]));
    }
  }
}
