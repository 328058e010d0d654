package io.llada.model.layer;

import java.util.List;

/// The rows of all sequences that share one forward pass. A row's result does not depend on its company.
///
/// @param sequences at least one
public record ForwardBatch(List<SequenceRows> sequences) {
  public ForwardBatch {
    sequences = List.copyOf(sequences);
    if (sequences.isEmpty()) {
      throw new IllegalArgumentException("a forward pass needs at least one sequence");
    }
  }

  /// Rows over all sequences.
  public int rows() {
    int rows = 0;
    for (SequenceRows sequence : sequences) {
      rows += sequence.ids().length;
    }
    return rows;
  }
}
