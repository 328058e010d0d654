package io.llada.coordinator;

import io.llada.model.experts.ActivationType;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.KernelProvider;

/// How a model is computed. All of it but `threads` and `kernels` can change the answers.
///
/// @param activations number format in which rows travel to the experts; one for the whole cluster
/// @param caches number format of cached keys and values; the experts do not depend on it
/// @param threads computing threads, at least 1
/// @param kernels what computes
public record ComputeSettings(ActivationType activations, CacheFormat caches, int threads, KernelProvider kernels) {
  public ComputeSettings {
    if (threads < 1) {
      throw new IllegalArgumentException("--threads must be at least 1, found " + threads);
    }
  }

  /// F32 everywhere, on all cores.
  public static ComputeSettings usual() {
    return new ComputeSettings(ActivationType.F32, CacheFormat.F32, Runtime.getRuntime().availableProcessors(),
        KernelProvider.JAVA);
  }
}
