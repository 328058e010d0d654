package io.llada.model.checkpoint;

import java.lang.foreign.MemorySegment;

/// The weights of a safetensors part: everything behind its header.
public interface PartContent {
  /// Bytes of all its tensors.
  long bytes();

  /// Some of the bytes. Thread-safe.
  ///
  /// @param from offset of the first one
  /// @param bytes how many, all within [#bytes]
  MemorySegment read(long from, long bytes);
}
