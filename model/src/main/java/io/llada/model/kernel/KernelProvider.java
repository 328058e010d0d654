package io.llada.model.kernel;

/// Which kernels a process computes with. All give the same bits, so the processes of a cluster may differ.
public enum KernelProvider {
  /// Java's vectors: everywhere, and the default.
  JAVA,
  /// Matrix products in C, compiled at start by this machine's C compiler; the rest in Java.
  NATIVE;

  /// Ready kernels; NATIVE takes about a second.
  ///
  /// @throws KernelsUnavailableException when they cannot run here
  public Kernels open() {
    return switch (this) {
      case JAVA -> Kernels.best();
      case NATIVE -> NativeKernels.compile();
    };
  }
}
