package io.llada.model.checkpoint;

import io.llada.model.config.ModelConfig;
import java.nio.file.Path;

/// A validated checkpoint directory: configuration, index and mapped safetensors parts.
public final class Checkpoint implements AutoCloseable {
  private Checkpoint() {}

  /// Opens and validates a checkpoint directory. Nothing is allocated from sizes that were not checked first.
  ///
  /// @throws CheckpointException naming file and tensor
  public static Checkpoint open(Path directory) {
    throw new UnsupportedOperationException();
  }

  public ModelConfig config() {
    throw new UnsupportedOperationException();
  }

  /// SHA-256 (hex) over config.json and the index; equal on every process that serves the same checkpoint.
  public String digest() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
