package io.llada.model.kernel;

import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/// A weight matrix in the order in which the kernels read it.
///
/// Rows are cut into panels of [#PANEL_ROWS]; a panel holds, for each column in turn, the elements of its rows side by
/// side. A kernel keeps one sum per row in a vector lane and walks the columns, so every sum runs over ascending
/// columns whatever the vector width, and no sum across lanes is ever needed. Elements of rows `r` and `r + 16` of
/// a BF16 panel share a 32-bit word (`r` in its lower half): one load and one shift or mask give two F32 vectors.
/// The last panel is filled up with zero rows.
///
/// Immutable after packing; the memory belongs to the arena it was packed into.
public final class PackedMatrix {
  /// Rows of a panel.
  public static final int PANEL_ROWS = 32;

  private static final int HALF_PANEL = PANEL_ROWS / 2;
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final ElementType type;
  private final int rows;
  private final int columns;
  private final MemorySegment data;

  private PackedMatrix(ElementType type, int rows, int columns, MemorySegment data) {
    this.type = type;
    this.rows = rows;
    this.columns = columns;
    this.data = data;
  }

  /// Packs tensors stacked on top of each other (for example Q, K and V) into one matrix of their element type.
  ///
  /// @param parts at least one; equal columns, equal types
  public static PackedMatrix pack(List<TensorView> parts, Arena arena) {
    TensorView first = parts.getFirst();
    int rows = parts.stream().mapToInt(TensorView::rows).sum();
    for (TensorView part : parts) {
      if (part.columns() != first.columns() || part.type() != first.type()) {
        throw new IllegalArgumentException("%s is (%d, %d) %s and cannot be stacked on %s with %d columns of %s"
            .formatted(part.name(), part.rows(), part.columns(), part.type(), first.name(), first.columns(),
                first.type()));
      }
    }
    PackedMatrix matrix = new PackedMatrix(first.type(), rows, first.columns(),
        arena.allocate(packedBytes(rows, first.columns(), first.type()), 64));
    int row = 0;
    for (TensorView part : parts) {
      for (int r = 0; r < part.rows(); r++) {
        matrix.packRow(part, r, row++);
      }
    }
    return matrix;
  }

  /// Packs one tensor.
  public static PackedMatrix pack(TensorView tensor, Arena arena) {
    return pack(List.of(tensor), arena);
  }

  /// Bytes a packed matrix of this shape takes.
  public static long packedBytes(int rows, int columns, ElementType type) {
    return (long) panels(rows) * PANEL_ROWS * columns * type.bytes();
  }

  private void packRow(TensorView source, int sourceRow, int row) {
    for (int column = 0; column < columns; column++) {
      long from = (long) sourceRow * columns + column;
      long to = elementOffset(row, column);
      switch (type) {
        case F32 -> data.set(F32, to, source.data().getAtIndex(F32, from));
        case BF16 -> data.set(BF16, to, source.data().getAtIndex(BF16, from));
      }
    }
  }

  private long elementOffset(int row, int column) {
    int lane = row % PANEL_ROWS;
    int slot = switch (type) {
      case F32 -> lane;
      case BF16 -> lane < HALF_PANEL ? 2 * lane : 2 * (lane - HALF_PANEL) + 1;
    };
    return panelOffset(row / PANEL_ROWS) + ((long) column * PANEL_ROWS + slot) * type.bytes();
  }

  /// One element as F32.
  public float at(int row, int column) {
    long offset = elementOffset(row, column);
    return switch (type) {
      case F32 -> data.get(F32, offset);
      case BF16 -> Float.intBitsToFloat(data.get(BF16, offset) << 16);
    };
  }

  /// Byte offset of a panel in [#data].
  public long panelOffset(int panel) {
    return (long) panel * PANEL_ROWS * columns * type.bytes();
  }

  public ElementType type() {
    return type;
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
