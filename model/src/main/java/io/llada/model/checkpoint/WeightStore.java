package io.llada.model.checkpoint;

/// The weights of a directory, and what can be said about them without reading them.
sealed interface WeightStore extends WeightSource permits OriginalWeights, PackedWeights {
  TensorNames names();

  String digest();

  /// Bytes of all tensors.
  long bytes();

  int tensorCount();

  /// Number of files.
  int partCount();
}
