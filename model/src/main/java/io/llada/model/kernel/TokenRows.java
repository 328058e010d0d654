package io.llada.model.kernel;

import static io.llada.model.kernel.WeightFormat.GROUP;

import java.util.Objects;

/// Token rows in the form in which [Kernels#multiply] reads them, made by [Kernels#rows].
///
/// For F32 and BF16 weights that is the rows as they are. For the integer formats each token's quantisation group is
/// rounded to 8 bits with a scale of its own: `x = scale * q` with `q` in -127 .. 127; in the arrays that the Java
/// kernels read, or in records for the native ones. Rows are independent of each other. Not changed once made; the
/// arrays may be longer than the rows.
public final class TokenRows {
  /// Largest rounded activation.
  static final float MOST = 127f;
  /// A group without any larger element counts as zero: the inverse of its scale would not be finite.
  static final float LEAST = 0x1p-100f;
  /// A group in the native form: its integers, the scale, and minus the sum of the integers in 32 bits.
  private static final int RECORD_BYTES = GROUP + Float.BYTES + Integer.BYTES;
  private static final int CACHE_LINE = 64;
  private static final float[] NOT_ORDERED = {};

  private final int tokens;
  private final int columns;
  private final float[] values;
  private final short[] words;
  private final float[] scales;
  private final int[] sums;
  private final byte[] records;
  private float[] tiles;

  /// Rows as they are.
  TokenRows(int tokens, int columns, float[] values) {
    this(tokens, columns, values, null, null, null, null);
  }

  private TokenRows(int tokens, int columns, float[] values, short[] words, float[] scales, int[] sums,
      byte[] records) {
    this.tokens = tokens;
    this.columns = columns;
    this.values = values;
    this.words = words;
    this.scales = scales;
    this.sums = sums;
    this.records = records;
  }

  /// Room for rounded rows, to be filled by the kernels.
  static TokenRows rounded(int tokens, int columns, Workspace workspace) {
    int elements = Math.multiplyExact(tokens, columns);
    int groups = elements / GROUP;
    return new TokenRows(tokens, columns, workspace.floats(elements), workspace.shorts(elements), workspace.floats(
        groups), workspace.ints(groups), null);
  }

  /// Room for rounded rows as the native kernels read them.
  static TokenRows recorded(int tokens, int columns, Workspace workspace) {
    return new TokenRows(tokens, columns, null, null, null, null, workspace.bytes(Math.multiplyExact(tokens,
        recordBytes(columns))));
  }

  /// A token's records, in an odd number of cache lines: the same group of many tokens is then spread over the whole
  /// cache.
  private static int recordBytes(int columns) {
    int lines = Math.ceilDiv(columns / GROUP * RECORD_BYTES, CACHE_LINE);
    return (lines + 1 - lines % 2) * CACHE_LINE;
  }

  /// Adds room for the order of [IntegerTiles].
  TokenRows tiled(Workspace workspace) {
    tiles = workspace.floats(IntegerTiles.tiled(tokens) * columns);
    return this;
  }

  /// The same rows, only to be picked from by [#gather]: without the order in which they would be multiplied.
  public TokenRows toPick() {
    tiles = tiles == null ? null : NOT_ORDERED;
    return this;
  }

  /// Some of the rows, in the order asked for.
  ///
  /// @param picked indices of rows; may repeat
  /// @param count of them, from the first
  /// @param workspace where the rows are put; they last until it is released
  public TokenRows gather(int[] picked, int count, Workspace workspace) {
    if (isRecorded()) {
      TokenRows rows = recorded(count, columns, workspace);
      copy(picked, count, records, rows.records, recordBytes());
      return rows;
    }
    if (!isRounded()) {
      TokenRows rows = new TokenRows(count, columns, workspace.floats(count * columns));
      copy(picked, count, values, rows.values, columns);
      return rows;
    }
    TokenRows rows = rounded(count, columns, workspace);
    copy(picked, count, values, rows.values, columns);
    copy(picked, count, words, rows.words, columns);
    copy(picked, count, scales, rows.scales, columns / GROUP);
    copy(picked, count, sums, rows.sums, columns / GROUP);
    if (tiles != null) {
      IntegerTiles.order(rows.tiled(workspace), 0, count);
    }
    return rows;
  }

  private static void copy(int[] picked, int count, Object from, Object to, int width) {
    for (int i = 0; i < count; i++) {
      System.arraycopy(from, picked[i] * width, to, i * width, width);
    }
  }

  public int tokens() {
    return tokens;
  }

  public int columns() {
    return columns;
  }

  /// Whether the rows are rounded for the integer formats.
  boolean isRounded() {
    return words != null;
  }

  /// Whether the rows are rounded and in records.
  boolean isRecorded() {
    return records != null;
  }

  /// `(tokens, recordBytes)`: the records of each token's groups, little-endian.
  byte[] records() {
    return records;
  }

  /// Bytes from a token's records to the next token's.
  int recordBytes() {
    return recordBytes(columns);
  }

  /// `(tokens, columns)`: the rows, or their rounded integers.
  float[] values() {
    return values;
  }

  /// The rounded integers in 16 bits.
  short[] words() {
    return words;
  }

  /// The rounded integers as [IntegerTiles#order] has them.
  ///
  /// @throws IllegalArgumentException of rows that [VectorKernels] did not make, or only for picking
  float[] tiles() {
    if (!isOrdered()) {
      throw new IllegalArgumentException("%d rows were made ready by other kernels, or only to be picked from"
          .formatted(tokens));
    }
    return tiles;
  }

  boolean isOrdered() {
    return tiles != null && tiles != NOT_ORDERED;
  }

  /// `(tokens, columns / GROUP)`: scales of the rounded rows.
  float[] scales() {
    return scales;
  }

  /// `(tokens, columns / GROUP)`: sums of the rounded integers of each group.
  int[] sums() {
    return sums;
  }

  /// @throws IllegalArgumentException when the rows do not go with a matrix in the Java kernels, or an F32 or BF16 one in
  ///   the native kernels
  /// @throws IndexOutOfBoundsException when there are fewer elements than the rows have
  void requireFor(PackedMatrix w) {
    if (columns != w.columns() || isRecorded() || isRounded() != w.format().isQuantised()) {
      throw mismatch(w);
    }
    Objects.checkFromIndexSize(0, Math.multiplyExact(tokens, columns), values.length);
  }

  /// @throws IllegalArgumentException when the rows do not go with an integer matrix in the native kernels
  void requireRecordsFor(PackedMatrix w) {
    if (columns != w.columns() || !isRecorded()) {
      throw mismatch(w);
    }
  }

  private IllegalArgumentException mismatch(PackedMatrix w) {
    String form = isRecorded() ? "recorded for native kernels" : isRounded() ? "rounded" : "as they are";
    return new IllegalArgumentException("rows of %d columns, %s, do not go with (%d, %d) in %s".formatted(columns, form,
        w.rows(), w.columns(), w.format()));
  }
}
