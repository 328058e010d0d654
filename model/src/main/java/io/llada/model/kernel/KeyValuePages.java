package io.llada.model.kernel;

import java.util.Arrays;

/// One layer's cached keys and values. A page holds [#PAGE_POSITIONS] positions of one head: keys as
/// `(headSize, PAGE_POSITIONS)`, positions side by side, a lane each; values as `(PAGE_POSITIONS, headSize)`.
///
/// Owned by one sequence. Several threads may read at once while nobody stores.
public final class KeyValuePages {
  /// Positions of a page.
  public static final int PAGE_POSITIONS = 32;

  private final CacheFormat format;
  private final int headSize;
  private final CachedNumbers[][] keys; // (head, page)
  private final CachedNumbers[][] values;

  /// @param heads key heads, as many as value heads
  /// @param headSize width of a head
  public KeyValuePages(CacheFormat format, int heads, int headSize) {
    this.format = format;
    this.headSize = headSize;
    this.keys = new CachedNumbers[heads][0];
    this.values = new CachedNumbers[heads][0];
  }

  /// Makes room for positions `0 .. positions - 1`.
  public void reserve(int positions) {
    int pages = Math.ceilDiv(positions, PAGE_POSITIONS);
    for (int head = 0; head < keys.length; head++) {
      keys[head] = grown(keys[head], pages);
      values[head] = grown(values[head], pages);
    }
  }

  private CachedNumbers[] grown(CachedNumbers[] old, int pages) {
    if (pages <= old.length) {
      return old;
    }
    CachedNumbers[] grown = Arrays.copyOf(old, pages);
    for (int page = old.length; page < pages; page++) {
      grown[page] = format.numbers(pageNumbers());
    }
    return grown;
  }

  /// Stores one position's key and value of one head, rounded to the format.
  public void store(int position, int head, float[] source, int keyOffset, int valueOffset) {
    int page = position / PAGE_POSITIONS;
    int slot = position % PAGE_POSITIONS;
    CachedNumbers pageKeys = keys[head][page];
    CachedNumbers pageValues = values[head][page];
    for (int d = 0; d < headSize; d++) {
      pageKeys.set(d * PAGE_POSITIONS + slot, source[keyOffset + d]);
      pageValues.set(slot * headSize + d, source[valueOffset + d]);
    }
  }

  /// A page's keys as F32, `(headSize, PAGE_POSITIONS)`.
  ///
  /// @param room at least [#pageNumbers] long, used where the format is not F32
  /// @return to be read only, until `room` or the page changes
  public float[] keys(int head, int page, float[] room) {
    return keys[head][page].widened(room);
  }

  /// A page's values as F32, `(PAGE_POSITIONS, headSize)`; otherwise as [#keys].
  public float[] values(int head, int page, float[] room) {
    return values[head][page].widened(room);
  }

  /// Keys, or values, of a page.
  public int pageNumbers() {
    return PAGE_POSITIONS * headSize;
  }

  public int headSize() {
    return headSize;
  }
}
