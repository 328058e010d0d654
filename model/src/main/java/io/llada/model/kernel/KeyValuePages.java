package io.llada.model.kernel;

/// One layer's cached keys and values, in pages of [#PAGE_POSITIONS] positions.
///
/// @param keys per page `(keyValueHeads, headSize, PAGE_POSITIONS)`: positions side by side, a lane each
/// @param values per page `(keyValueHeads, PAGE_POSITIONS, headSize)`
/// @param headSize width of a head
public record KeyValuePages(float[][] keys, float[][] values, int headSize) {
  /// Positions of a page.
  public static final int PAGE_POSITIONS = 32;

  /// Stores one position's key and value of one head.
  public void store(int position, int head, float[] source, int keyOffset, int valueOffset) {
    int page = position / PAGE_POSITIONS;
    int slot = position % PAGE_POSITIONS;
    float[] pageKeys = keys[page];
    int keyBase = head * headSize * PAGE_POSITIONS + slot;
    for (int d = 0; d < headSize; d++) {
      pageKeys[keyBase + d * PAGE_POSITIONS] = source[keyOffset + d];
    }
    System.arraycopy(source, valueOffset, values[page], (head * PAGE_POSITIONS + slot) * headSize, headSize);
  }
}
