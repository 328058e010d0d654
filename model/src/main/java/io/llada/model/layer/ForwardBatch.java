package io.llada.model.layer;

import io.llada.model.experts.Omissions;
import java.util.List;

/// The rows of all sequences that share one forward pass. A row's result does not depend on its company.
///
/// @param sequences at least one
/// @param omissions experts that the pass may go without
public record ForwardBatch(List<SequenceRows> sequences, Omissions omissions) {
  public ForwardBatch {
    sequences = List.copyOf(sequences);
    if (sequences.isEmpty()) {
      throw new IllegalArgumentException("a forward pass needs at least one sequence");
    }
  }

  /// A pass that must not go without any expert.
  public ForwardBatch(List<SequenceRows> sequences) {
    this(sequences, Omissions.none());
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
