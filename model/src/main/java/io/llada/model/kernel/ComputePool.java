package io.llada.model.kernel;

/// The threads that compute. One per process, of the size of the cores.
public final class ComputePool implements AutoCloseable {
  public ComputePool(int threads) {}

  @Override
  public void close() {}
}
