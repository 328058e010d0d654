package io.llada.model.kernel;

/// A weight matrix in the order in which the kernels read it.
public final class PackedMatrix {
  public long bytes() {
    throw new UnsupportedOperationException();
  }
}
