package io.llada.model.packed;

import java.util.List;

/// A file of a packed checkpoint: matrices one after the other in the order of use, each at a multiple of 64 bytes, with
/// zeros between.
///
/// @param name plain file name
/// @param bytes its size
/// @param sha256 of the whole file, hex
/// @param entries in ascending offset
public record PackedFile(String name, long bytes, String sha256, List<PackedEntry> entries) {
  public PackedFile {
    entries = List.copyOf(entries);
  }
}
