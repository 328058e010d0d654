package io.llada.model.kernel;

/// The arithmetic every layer is made of.
public interface Kernels {
  /// Name of the arithmetic: processes with equal names compute equal bits.
  String numericsClass();
}
