package io.llada.model.layer;

/// What one sequence puts into a forward pass: consecutive positions that attend each other and its cache.
///
/// @param cache the sequence's keys and values
/// @param start absolute position of the first row
/// @param ids token ids, one per row
/// @param attentionBlock a row at position `p` attends positions before `(p / attentionBlock + 1) * attentionBlock`, as
///   far as there are any: the block length for block-causal models, at least the canvas for full attention
/// @param predicted indices into `ids` of the rows to predict, ascending
public record SequenceRows(KvCache cache, int start, int[] ids, int attentionBlock, int[] predicted) {
  public SequenceRows {
    if (start < 0 || attentionBlock < 1 || ids.length == 0) {
      throw new IllegalArgumentException("start %d, attention block %d, %d rows".formatted(start, attentionBlock,
          ids.length));
    }
  }

  /// Position after the last row.
  int end() {
    return start + ids.length;
  }

  /// Positions a row attends, from 0.
  public int attended(int row) {
    long blockEnd = ((long) (start + row) / attentionBlock + 1) * attentionBlock;
    return (int) Math.min(blockEnd, end());
  }
}
