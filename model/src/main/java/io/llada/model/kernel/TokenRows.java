package io.llada.model.kernel;

import static io.llada.model.kernel.WeightFormat.GROUP;

/// Token rows in the form in which [Kernels#multiply] reads them, made by [Kernels#rows].
///
/// For F32 and BF16 weights that is the rows as they are. For the integer formats each token's quantisation group is
/// rounded to 8 bits with a scale of its own: `x = scale * q` with `q` in -127 .. 127. Rows are independent of each
/// other. Immutable.
public final class TokenRows {
  /// Largest rounded activation.
  static final float MOST = 127f;
  /// A group without any larger element counts as zero: the inverse of its scale would not be finite.
  static final float LEAST = 0x1p-100f;

  private final int tokens;
  private final int columns;
  private final float[] values;
  private final short[] words;
  private final float[] scales;
  private final int[] sums;
  private float[] tiles;

  /// Rows as they are.
  TokenRows(int tokens, int columns, float[] values) {
    this(tokens, columns, values, null, null, null);
  }

  private TokenRows(int tokens, int columns, float[] values, short[] words, float[] scales, int[] sums) {
    this.tokens = tokens;
    this.columns = columns;
    this.values = values;
    this.words = words;
    this.scales = scales;
    this.sums = sums;
  }

  /// Room for rounded rows, to be filled by the kernels.
  static TokenRows rounded(int tokens, int columns) {
    int elements = Math.multiplyExact(tokens, columns);
    int groups = elements / GROUP;
    return new TokenRows(tokens, columns, new float[elements], new short[elements], new float[groups],
        new int[groups]);
  }

  /// Adds the order of [IntegerTiles], once all rows are rounded.
  TokenRows tile() {
    tiles = IntegerTiles.order(values, tokens, columns);
    return this;
  }

  /// Some of the rows, in the order asked for.
  ///
  /// @param picked indices of rows; may repeat
  public TokenRows gather(int[] picked) {
    if (!isRounded()) {
      TokenRows rows = new TokenRows(picked.length, columns, new float[picked.length * columns]);
      copy(picked, values, rows.values, columns);
      return rows;
    }
    TokenRows rows = rounded(picked.length, columns);
    copy(picked, values, rows.values, columns);
    copy(picked, words, rows.words, columns);
    copy(picked, scales, rows.scales, columns / GROUP);
    copy(picked, sums, rows.sums, columns / GROUP);
    if (tiles != null) {
      rows.tile();
    }
    return rows;
  }

  private static void copy(int[] picked, Object from, Object to, int width) {
    for (int i = 0; i < picked.length; i++) {
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

  /// `(tokens, columns)`: the rows, or their rounded integers.
  float[] values() {
    return values;
  }

  /// The rounded integers in 16 bits.
  short[] words() {
    return words;
  }

  /// The rounded integers as [IntegerTiles#order] has them; null of rows that [VectorKernels] did not make.
  float[] tiles() {
    return tiles;
  }

  /// `(tokens, columns / GROUP)`: scales of the rounded rows.
  float[] scales() {
    return scales;
  }

  /// `(tokens, columns / GROUP)`: sums of the rounded integers of each group.
  int[] sums() {
    return sums;
  }

  /// @throws IllegalArgumentException when the rows do not go with a matrix
  void requireFor(PackedMatrix w) {
    if (columns != w.columns() || isRounded() != w.format().isQuantised()) {
      throw new IllegalArgumentException("rows of %d columns, %s, do not go with (%d, %d) in %s".formatted(columns,
          isRounded() ? "rounded" : "as they are", w.rows(), w.columns(), w.format()));
    }
  }
}
