package io.llada.model.experts;

import io.llada.model.kernel.Kernels;

/// The number format in which token rows travel between coordinator and expert nodes.
///
/// It is a setting of the whole cluster. In-process experts round to it as well, so that the same request gives the
/// same bits whether its experts run here or elsewhere.
public enum ActivationType {
  /// 32-bit IEEE 754; nothing is rounded.
  F32,
  /// The upper 16 bits of F32, rounded to nearest, ties to even.
  BF16;

  /// Rounds the values `from .. to-1` to this type, in place.
  public void round(Kernels kernels, float[] values, int from, int to) {
    if (this == BF16) {
      kernels.roundToBf16(values, from, to);
    }
  }
}
