package io.llada.model.layer;

import java.util.ArrayList;
import java.util.List;

/// Rows of one sequence that lie in one block: what the router takes at a time.
///
/// @param start absolute position of the first row
/// @param rows how many
/// @param first the first row's index in the batch
record RoutingBlock(int start, int rows, int first) {
  /// All rows of a batch.
  static List<RoutingBlock> of(List<SequenceRows> sequences, int blockLength) {
    List<RoutingBlock> blocks = new ArrayList<>();
    int first = 0;
    for (SequenceRows sequence : sequences) {
      int row = 0;
      while (row < sequence.ids().length) {
        int start = sequence.start() + row;
        int rows = Math.min(sequence.ids().length - row, blockLength - start % blockLength);
        blocks.add(new RoutingBlock(start, rows, first + row));
        row += rows;
      }
      first += sequence.ids().length;
    }
    return blocks;
  }
}
