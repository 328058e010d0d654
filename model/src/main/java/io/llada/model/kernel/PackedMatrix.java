package io.llada.model.kernel;

import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.NonFinite;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Objects;

/// A weight matrix in the order in which the kernels read it.
///
/// Rows are cut into panels of [#PANEL_ROWS]; a panel holds, for each column in turn, the elements of its rows side by
/// side. A kernel keeps one sum per row in a vector lane and walks the columns, so every sum runs over ascending
/// columns whatever the vector width, and no sum across lanes is ever needed. Elements of rows `r` and `r + 16` of
/// a BF16 panel share a 32-bit word (`r` in its lower half): one load and one shift or mask give two F32 vectors.
/// The last panel is filled up with zero rows. The integer formats are described at [QuantisedGroups].
///
/// Immutable after packing; the memory belongs to whoever allocated it. The processor's kernels need it to be native.
public final class PackedMatrix {
  /// Rows of a panel.
  public static final int PANEL_ROWS = 32;

  /// Alignment of the data in bytes: a cache line.
  public static final int ALIGNMENT = 64;

  /// All memory as one segment, for kernels: with bounds and lifetime known to the compiler, no access is checked. A
  /// packed matrix knows that every panel lies within its data, and whoever closes its arena sees to it that no kernel
  /// runs on it.
  @SuppressWarnings("restricted")
  static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private static final int HALF_PANEL = PANEL_ROWS / 2;
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final WeightFormat format;
  private final int rows;
  private final int columns;
  private final MemorySegment data;

  private PackedMatrix(WeightFormat format, int rows, int columns, MemorySegment data) {
    this.format = format;
    this.rows = rows;
    this.columns = columns;
    this.data = data;
  }

  /// Packs tensors stacked on top of each other (for example Q, K and V) into one matrix of their element type.
  ///
  /// @param parts at least one; equal columns, equal types
  public static PackedMatrix pack(List<TensorView> parts, SegmentAllocator memory) {
    return pack(parts, WeightFormat.of(parts.getFirst().type()), memory);
  }

  /// Packs tensors stacked on top of each other into one matrix, rounded to a format.
  ///
  /// @param parts at least one; equal columns, equal types
  /// @param format any; BF16 rounds F32 to the nearest, ties to even; an integer one needs whole quantisation groups of
  ///   columns
  public static PackedMatrix pack(List<TensorView> parts, WeightFormat format, SegmentAllocator memory) {
    TensorView first = parts.getFirst();
    int rows = parts.stream().mapToInt(TensorView::rows).sum();
    for (TensorView part : parts) {
      if (part.columns() != first.columns() || part.type() != first.type()) {
        throw new IllegalArgumentException("%s is (%d, %d) %s and cannot be stacked on %s with %d columns of %s"
            .formatted(part.name(), part.rows(), part.columns(), part.type(), first.name(), first.columns(),
                first.type()));
      }
    }
    PackedMatrix matrix = new PackedMatrix(format, rows, first.columns(), memory.allocate(packedBytes(rows, first
        .columns(), format), ALIGNMENT));
    float[] values = new float[first.columns()];
    int row = 0;
    for (TensorView part : parts) {
      for (int r = 0; r < part.rows(); r++, row++) {
        if (format.isQuantised()) {
          part.copyRow(r, values, 0);
          QuantisedGroups.pack(format, values, matrix.data, matrix.panelOffset(row / PANEL_ROWS), row % PANEL_ROWS);
        } else {
          matrix.copyRow(part, r, row);
        }
      }
    }
    return matrix;
  }

  /// A matrix that was packed before, as [#data] gave it.
  ///
  /// @throws IllegalArgumentException when the data has another size
  public static PackedMatrix of(WeightFormat format, int rows, int columns, MemorySegment data) {
    if (data.byteSize() != packedBytes(rows, columns, format)) {
      throw new IllegalArgumentException("(%d, %d) in %s takes %d bytes, found %d".formatted(rows, columns, format,
          packedBytes(rows, columns, format), data.byteSize()));
    }
    return new PackedMatrix(format, rows, columns, data);
  }

  /// Packs one tensor.
  public static PackedMatrix pack(TensorView tensor, SegmentAllocator memory) {
    return pack(List.of(tensor), memory);
  }

  /// Bytes a packed matrix of this shape takes.
  public static long packedBytes(int rows, int columns, WeightFormat format) {
    return panels(rows) * format.panelBytes(columns);
  }

  private void copyRow(TensorView source, int sourceRow, int row) {
    for (int column = 0; column < columns; column++) {
      long from = (long) sourceRow * columns + column;
      long to = elementOffset(row, column);
      if (format == WeightFormat.F32) {
        data.set(F32, to, source.at(sourceRow, column));
      } else if (source.type() == ElementType.BF16) {
        data.set(BF16, to, source.data().getAtIndex(BF16, from));
      } else {
        data.set(BF16, to, roundToBf16(source.data().getAtIndex(F32, from)));
      }
    }
  }

  /// The nearest BF16, ties to even. The largest F32 values have none: they become the largest BF16, not infinity.
  private static short roundToBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int rounded = bits + 0x7fff + (bits >>> 16 & 1);
    return (short) ((rounded & 0x7f800000) == 0x7f800000 ? bits >>> 16 : rounded >>> 16);
  }

  /// Index of the first panel that holds a NaN or an infinity, or -1. Of an integer matrix only the scales can.
  public int firstNonFinitePanel() {
    for (int panel = 0; panel < panels(); panel++) {
      if (!isFinite(panelOffset(panel), format.panelBytes(columns))) {
        return panel;
      }
    }
    return -1;
  }

  private boolean isFinite(long from, long bytes) {
    if (!format.isQuantised()) {
      return NonFinite.first(format == WeightFormat.F32 ? ElementType.F32 : ElementType.BF16, data, from, from
          + bytes) < 0;
    }
    for (long group = from; group < from + bytes; group += format.groupBytes()) {
      if (NonFinite.first(ElementType.BF16, data, group, group + WeightFormat.SCALES_BYTES) >= 0) {
        return false;
      }
    }
    return true;
  }

  /// Of an F32 or BF16 matrix.
  private long elementOffset(int row, int column) {
    int lane = row % PANEL_ROWS;
    long panel = panelOffset(row / PANEL_ROWS);
    if (format == WeightFormat.F32) {
      return panel + ((long) column * PANEL_ROWS + lane) * Float.BYTES;
    }
    int slot = lane < HALF_PANEL ? 2 * lane : 2 * (lane - HALF_PANEL) + 1;
    return panel + ((long) column * PANEL_ROWS + slot) * Short.BYTES;
  }

  /// One element as F32.
  public float at(int row, int column) {
    return switch (format) {
      case F32 -> data.get(F32, elementOffset(row, column));
      case BF16 -> Float.intBitsToFloat(data.get(BF16, elementOffset(row, column)) << 16);
      case INT8, INT4 -> scaleAt(row, column) * quantisedAt(row, column);
    };
  }

  /// The scale of an element of an integer matrix.
  float scaleAt(int row, int column) {
    return QuantisedGroups.scaleAt(data, groupOffset(row, column), row % PANEL_ROWS);
  }

  /// The integer of an element of an integer matrix.
  int quantisedAt(int row, int column) {
    return QuantisedGroups.at(format, data, groupOffset(row, column), row % PANEL_ROWS, column % WeightFormat.GROUP);
  }

  private long groupOffset(int row, int column) {
    return panelOffset(row / PANEL_ROWS) + column / WeightFormat.GROUP * format.groupBytes();
  }

  /// Byte offset of a panel in [#data].
  public long panelOffset(int panel) {
    return panel * format.panelBytes(columns);
  }

  /// Address of a panel in [#MEMORY], of a matrix in native memory.
  long panelAddress(int panel) {
    if (!data.isNative()) {
      throw new IllegalStateException("weights for the processor live in native memory, found " + data);
    }
    return data.address() + Objects.checkIndex(panel, panels()) * format.panelBytes(columns);
  }

  public WeightFormat format() {
    return format;
  }

  public int rows() {
    return rows;
  }

  public int columns() {
    return columns;
  }

  /// Number of panels.
  public int panels() {
    return panels(rows);
  }

  private static int panels(int rows) {
    return (rows + PANEL_ROWS - 1) / PANEL_ROWS;
  }

  public MemorySegment data() {
    return data;
  }

  /// Bytes of memory held.
  public long bytes() {
    return data.byteSize();
  }
}
