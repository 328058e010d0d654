package io.llada.model.kernel.benchmark;

import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.NativeKernels;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;

/// The parameter of every benchmark: whose kernels.
public enum Implementation {
  SCALAR, VECTOR,
  /// Differs from VECTOR in matrix products only.
  NATIVE;

  Kernels kernels() {
    return switch (this) {
      case SCALAR -> new ScalarKernels();
      case VECTOR -> new VectorKernels();
      case NATIVE -> NativeKernels.compile();
    };
  }
}
