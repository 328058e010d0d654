package io.llada.model.kernel;

import io.llada.model.tensor.ElementType;

/// Number formats of packed weights.
///
/// The integer formats share one scale among the [#GROUP] neighbouring columns of a row: a quantisation group. A
/// weight is `scale * q`. Activations are rounded to 8 bits per token and group, so that sums inside a group are
/// exact integers.
public enum WeightFormat {
  /// 32-bit IEEE 754.
  F32,
  /// The upper half of an F32.
  BF16,
  /// `q` in -127 .. 127, scales in BF16: 8.5 bits a weight.
  INT8,
  /// `q` in -8 .. 7, scales in BF16: 4.5 bits a weight.
  INT4;

  /// Columns of a quantisation group.
  public static final int GROUP = 32;
  static final int SCALES_BYTES = PackedMatrix.PANEL_ROWS * Short.BYTES;

  /// The format that keeps a tensor as it is.
  public static WeightFormat of(ElementType type) {
    return switch (type) {
      case F32 -> F32;
      case BF16 -> BF16;
    };
  }

  public boolean isQuantised() {
    return this == INT8 || this == INT4;
  }

  /// Bytes of a panel.
  ///
  /// @throws IllegalArgumentException when the columns are no whole quantisation groups
  public long panelBytes(int columns) {
    return switch (this) {
      case F32 -> (long) PackedMatrix.PANEL_ROWS * columns * Float.BYTES;
      case BF16 -> (long) PackedMatrix.PANEL_ROWS * columns * Short.BYTES;
      case INT8, INT4 -> groups(columns) * groupBytes();
    };
  }

  /// Bytes of one quantisation group of a panel: its scales, then its weights.
  long groupBytes() {
    return SCALES_BYTES + (long) PackedMatrix.PANEL_ROWS * GROUP / (this == INT8 ? 1 : 2);
  }

  /// What is stored for `q = 0` in an integer format.
  int zero() {
    return this == INT8 ? 128 : 8;
  }

  /// Quantisation groups of a row.
  long groups(int columns) {
    if (columns % GROUP != 0) {
      throw new IllegalArgumentException("%s needs a multiple of %d columns, found %d".formatted(this, GROUP, columns));
    }
    return columns / GROUP;
  }
}
