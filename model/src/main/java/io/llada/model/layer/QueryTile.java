package io.llada.model.layer;

import io.llada.model.kernel.KeyValuePages;
import java.util.ArrayList;
import java.util.List;

/// Neighbouring rows of one sequence that attend the same positions: what attention takes at a time.
///
/// @param cache of the sequence
/// @param position absolute, of the first row
/// @param row the first one's index in the batch
/// @param rows at least 1
/// @param attended positions each row attends, from 0
record QueryTile(KvCache cache, int position, int row, int rows, int attended) {

  /// The tiles of a batch, in its order.
  ///
  /// @param mostRows of a tile
  static List<QueryTile> of(List<SequenceRows> sequences, int mostRows) {
    List<QueryTile> tiles = new ArrayList<>();
    int first = 0;
    for (SequenceRows sequence : sequences) {
      int count = sequence.ids().length;
      int rows;
      for (int row = 0; row < count; row += rows) {
        int attended = sequence.attended(row);
        // Rows up to the border of the attention block attend the same.
        rows = Math.min(Math.min(mostRows, count - row), attended - sequence.start() - row);
        tiles.add(new QueryTile(sequence.cache(), sequence.start() + row, first + row, rows, attended));
      }
      first += count;
    }
    return tiles;
  }

  int pages() {
    return Math.ceilDiv(attended, KeyValuePages.PAGE_POSITIONS);
  }
}
