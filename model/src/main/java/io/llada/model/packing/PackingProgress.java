package io.llada.model.packing;

/// Hears how far the packing of a checkpoint is. Called by the packing thread; what it throws ends the packing, which can
/// go on later.
public interface PackingProgress {
  PackingProgress NONE = (file, bytes, isKept) -> {};

  /// A file is there, whole.
  ///
  /// @param bytes its size
  /// @param isKept whether an earlier run had finished it
  void finished(String file, long bytes, boolean isKept);
}
