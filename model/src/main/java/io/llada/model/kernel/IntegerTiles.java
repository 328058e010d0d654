package io.llada.model.kernel;

import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;
import static io.llada.model.kernel.WeightFormat.GROUP;
import static io.llada.model.kernel.WeightFormat.SCALES_BYTES;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// One panel of an INT8 or INT4 [PackedMatrix] times many rounded token rows, in F32 lanes.
///
/// The integers of a quantisation group are unpacked once for all tokens; from then on both formats are alike. Both
/// operands are then read from front to back, because rows of one group a whole row apart would meet in the same few
/// lines of a cache. Sums
/// inside a group stay below 2^24 and are exact, as they are in the kernels for few tokens. Written out for the
/// reasons given at [F32Multiply].
final class IntegerTiles {
  /// Tokens of a tile.
  static final int TOKENS = 8;

  private static final MemorySegment MEMORY = PackedMatrix.MEMORY;
  private static final VectorSpecies<Float> FLOATS = VectorKernels.SPECIES;
  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();
  private static final VectorSpecies<Short> SCALES = VectorSpecies.of(short.class, VectorShape.forBitSize(LANES
      * Short.SIZE));
  private static final int BYTE = 0xff;
  private static final int NIBBLE = 0xf;

  private IntegerTiles() {}

  /// `y[t, column + r] = w[32 * panel + r] . x[t]` for the 32 rows of a panel and the tokens of whole tiles, the first
  /// `tokens`.
  static void panel(PackedMatrix w, int panel, TokenRows x, int tokens, float[] y, int column, int stride) {
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    float[] weights = workspace.floats(GROUP * PANEL_ROWS); // (column, row)
    float[] sums = workspace.zeros(tokens * PANEL_ROWS); // (token, row)
    long offset = w.panelAddress(panel);
    for (int group = 0; group < w.columns() / GROUP; group++, offset += w.format().groupBytes()) {
      if (w.format() == WeightFormat.INT8) {
        unpackInt8(offset + SCALES_BYTES, weights);
      } else {
        unpackInt4(offset + SCALES_BYTES, weights);
      }
      for (int first = 0; first < PANEL_ROWS; first += 2 * LANES) {
        group(weights, offset, first, x, tokens, group, sums);
      }
    }
    for (int token = 0; token < tokens; token++) {
      System.arraycopy(sums, token * PANEL_ROWS, y, token * stride + column, PANEL_ROWS);
    }
    workspace.release(mark);
  }

  /// The rows of whole tiles in the order in which a panel reads them: `(group, tile, column of the group, token of the
  /// tile)`.
  ///
  /// @param from first token to order, the first of a tile
  /// @param end token after the last; those beyond the last whole tile stay out
  static void order(TokenRows rows, int from, int end) {
    float[] values = rows.values();
    float[] tiles = rows.tiles();
    int columns = rows.columns();
    int tiled = tiled(rows.tokens());
    for (int token = from; token < Math.min(end, tiled); token += TOKENS) {
      for (int group = 0; group < columns / GROUP; group++) {
        int x0 = token * columns + group * GROUP;
        int x1 = x0 + columns;
        int x2 = x1 + columns;
        int x3 = x2 + columns;
        int x4 = x3 + columns;
        int x5 = x4 + columns;
        int x6 = x5 + columns;
        int x7 = x6 + columns;
        int to = (group * tiled + token) * GROUP;
        for (int c = 0; c < GROUP; c++, to += TOKENS) {
          tiles[to] = values[x0 + c];
          tiles[to + 1] = values[x1 + c];
          tiles[to + 2] = values[x2 + c];
          tiles[to + 3] = values[x3 + c];
          tiles[to + 4] = values[x4 + c];
          tiles[to + 5] = values[x5 + c];
          tiles[to + 6] = values[x6 + c];
          tiles[to + 7] = values[x7 + c];
        }
      }
    }
  }

  /// Tokens in whole tiles.
  static int tiled(int tokens) {
    return tokens - tokens % TOKENS;
  }

  private static void unpackInt8(long words, float[] weights) {
    for (int at = 0; at < GROUP * PANEL_ROWS; at += 4 * PANEL_ROWS) {
      for (int row = at; row < at + PANEL_ROWS; row += LANES, words += LANES * Integer.BYTES) {
        IntVector word = IntVector.fromMemorySegment(INTS, MEMORY, words, ByteOrder.LITTLE_ENDIAN);
        ((FloatVector) word.and(BYTE).sub(WeightFormat.INT8.zero()).convert(VectorOperators.I2F, 0)).intoArray(weights,
            row);
        ((FloatVector) word.lanewise(VectorOperators.LSHR, 8).and(BYTE).sub(WeightFormat.INT8.zero())
            .convert(VectorOperators.I2F, 0))
            .intoArray(weights, row + PANEL_ROWS);
        ((FloatVector) word.lanewise(VectorOperators.LSHR, 16).and(BYTE).sub(WeightFormat.INT8.zero())
            .convert(VectorOperators.I2F, 0))
            .intoArray(weights, row + 2 * PANEL_ROWS);
        ((FloatVector) word.lanewise(VectorOperators.LSHR, 24).sub(WeightFormat.INT8.zero())
            .convert(VectorOperators.I2F, 0))
            .intoArray(weights, row + 3 * PANEL_ROWS);
      }
    }
  }

  private static void unpackInt4(long words, float[] weights) {
    for (int at = 0; at < GROUP * PANEL_ROWS; at += 4 * PANEL_ROWS) {
      for (int row = at; row < at + PANEL_ROWS; row += LANES, words += LANES * Short.BYTES) {
        IntVector word = (IntVector) ShortVector.fromMemorySegment(SCALES, MEMORY, words, ByteOrder.LITTLE_ENDIAN)
            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
        ((FloatVector) word.and(NIBBLE).sub(WeightFormat.INT4.zero()).convert(VectorOperators.I2F, 0))
            .intoArray(weights, row);
        ((FloatVector) word.lanewise(VectorOperators.LSHR, 4).and(NIBBLE).sub(WeightFormat.INT4.zero())
            .convert(VectorOperators.I2F, 0))
            .intoArray(weights, row + PANEL_ROWS);
        ((FloatVector) word.lanewise(VectorOperators.LSHR, 8).and(NIBBLE).sub(WeightFormat.INT4.zero())
            .convert(VectorOperators.I2F, 0))
            .intoArray(weights, row + 2 * PANEL_ROWS);
        ((FloatVector) word.lanewise(VectorOperators.LSHR, 12).sub(WeightFormat.INT4.zero())
            .convert(VectorOperators.I2F, 0))
            .intoArray(weights, row + 3 * PANEL_ROWS);
      }
    }
  }

  /// Adds one group's part to the sums.
  private static void group(float[] weights, long offset, int first, TokenRows x, int tokens, int group, float[] sums) {
    float[] tiles = x.tiles();
    int groups = x.columns() / GROUP;
    FloatVector lowerScale = ((IntVector) ShortVector
        .fromMemorySegment(SCALES, MEMORY, offset + (long) first * Short.BYTES,
            ByteOrder.LITTLE_ENDIAN)
        .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)).lanewise(VectorOperators.LSHL, 16)
        .reinterpretAsFloats();
    FloatVector upperScale = ((IntVector) ShortVector
        .fromMemorySegment(SCALES, MEMORY, offset + (long) (first + LANES) * Short.BYTES,
            ByteOrder.LITTLE_ENDIAN)
        .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)).lanewise(VectorOperators.LSHL, 16)
        .reinterpretAsFloats();
    for (int token = 0; token < tokens; token += TOKENS) {
      int from = (group * tokens + token) * GROUP;
      FloatVector p0 = FloatVector.zero(FLOATS);
      FloatVector q0 = p0;
      FloatVector p1 = p0;
      FloatVector q1 = p0;
      FloatVector p2 = p0;
      FloatVector q2 = p0;
      FloatVector p3 = p0;
      FloatVector q3 = p0;
      FloatVector p4 = p0;
      FloatVector q4 = p0;
      FloatVector p5 = p0;
      FloatVector q5 = p0;
      FloatVector p6 = p0;
      FloatVector q6 = p0;
      FloatVector p7 = p0;
      FloatVector q7 = p0;
      for (int c = 0; c < GROUP; c++) {
        FloatVector lower = FloatVector.fromArray(FLOATS, weights, c * PANEL_ROWS + first);
        FloatVector upper = FloatVector.fromArray(FLOATS, weights, c * PANEL_ROWS + first + LANES);
        int at = from + c * TOKENS;
        FloatVector v0 = FloatVector.broadcast(FLOATS, tiles[at]);
        p0 = lower.fma(v0, p0);
        q0 = upper.fma(v0, q0);
        FloatVector v1 = FloatVector.broadcast(FLOATS, tiles[at + 1]);
        p1 = lower.fma(v1, p1);
        q1 = upper.fma(v1, q1);
        FloatVector v2 = FloatVector.broadcast(FLOATS, tiles[at + 2]);
        p2 = lower.fma(v2, p2);
        q2 = upper.fma(v2, q2);
        FloatVector v3 = FloatVector.broadcast(FLOATS, tiles[at + 3]);
        p3 = lower.fma(v3, p3);
        q3 = upper.fma(v3, q3);
        FloatVector v4 = FloatVector.broadcast(FLOATS, tiles[at + 4]);
        p4 = lower.fma(v4, p4);
        q4 = upper.fma(v4, q4);
        FloatVector v5 = FloatVector.broadcast(FLOATS, tiles[at + 5]);
        p5 = lower.fma(v5, p5);
        q5 = upper.fma(v5, q5);
        FloatVector v6 = FloatVector.broadcast(FLOATS, tiles[at + 6]);
        p6 = lower.fma(v6, p6);
        q6 = upper.fma(v6, q6);
        FloatVector v7 = FloatVector.broadcast(FLOATS, tiles[at + 7]);
        p7 = lower.fma(v7, p7);
        q7 = upper.fma(v7, q7);
      }
      int g = token * groups + group;
      int target = token * PANEL_ROWS + first;
      FloatVector s0 = FloatVector.broadcast(FLOATS, x.scales()[g]);
      p0.mul(lowerScale).fma(s0, FloatVector.fromArray(FLOATS, sums, target)).intoArray(sums, target);
      q0.mul(upperScale).fma(s0, FloatVector.fromArray(FLOATS, sums, target + LANES)).intoArray(sums, target + LANES);
      FloatVector s1 = FloatVector.broadcast(FLOATS, x.scales()[g + groups]);
      p1.mul(lowerScale).fma(s1, FloatVector.fromArray(FLOATS, sums, target + PANEL_ROWS)).intoArray(sums,
          target + PANEL_ROWS);
      q1.mul(upperScale).fma(s1, FloatVector.fromArray(FLOATS, sums, target + PANEL_ROWS + LANES)).intoArray(sums,
          target + PANEL_ROWS + LANES);
      FloatVector s2 = FloatVector.broadcast(FLOATS, x.scales()[g + 2 * groups]);
      p2.mul(lowerScale).fma(s2, FloatVector.fromArray(FLOATS, sums, target + 2 * PANEL_ROWS)).intoArray(sums,
          target + 2 * PANEL_ROWS);
      q2.mul(upperScale).fma(s2, FloatVector.fromArray(FLOATS, sums, target + 2 * PANEL_ROWS + LANES)).intoArray(sums,
          target + 2 * PANEL_ROWS + LANES);
      FloatVector s3 = FloatVector.broadcast(FLOATS, x.scales()[g + 3 * groups]);
      p3.mul(lowerScale).fma(s3, FloatVector.fromArray(FLOATS, sums, target + 3 * PANEL_ROWS)).intoArray(sums,
          target + 3 * PANEL_ROWS);
      q3.mul(upperScale).fma(s3, FloatVector.fromArray(FLOATS, sums, target + 3 * PANEL_ROWS + LANES)).intoArray(sums,
          target + 3 * PANEL_ROWS + LANES);
      FloatVector s4 = FloatVector.broadcast(FLOATS, x.scales()[g + 4 * groups]);
      p4.mul(lowerScale).fma(s4, FloatVector.fromArray(FLOATS, sums, target + 4 * PANEL_ROWS)).intoArray(sums,
          target + 4 * PANEL_ROWS);
      q4.mul(upperScale).fma(s4, FloatVector.fromArray(FLOATS, sums, target + 4 * PANEL_ROWS + LANES)).intoArray(sums,
          target + 4 * PANEL_ROWS + LANES);
      FloatVector s5 = FloatVector.broadcast(FLOATS, x.scales()[g + 5 * groups]);
      p5.mul(lowerScale).fma(s5, FloatVector.fromArray(FLOATS, sums, target + 5 * PANEL_ROWS)).intoArray(sums,
          target + 5 * PANEL_ROWS);
      q5.mul(upperScale).fma(s5, FloatVector.fromArray(FLOATS, sums, target + 5 * PANEL_ROWS + LANES)).intoArray(sums,
          target + 5 * PANEL_ROWS + LANES);
      FloatVector s6 = FloatVector.broadcast(FLOATS, x.scales()[g + 6 * groups]);
      p6.mul(lowerScale).fma(s6, FloatVector.fromArray(FLOATS, sums, target + 6 * PANEL_ROWS)).intoArray(sums,
          target + 6 * PANEL_ROWS);
      q6.mul(upperScale).fma(s6, FloatVector.fromArray(FLOATS, sums, target + 6 * PANEL_ROWS + LANES)).intoArray(sums,
          target + 6 * PANEL_ROWS + LANES);
      FloatVector s7 = FloatVector.broadcast(FLOATS, x.scales()[g + 7 * groups]);
      p7.mul(lowerScale).fma(s7, FloatVector.fromArray(FLOATS, sums, target + 7 * PANEL_ROWS)).intoArray(sums,
          target + 7 * PANEL_ROWS);
      q7.mul(upperScale).fma(s7, FloatVector.fromArray(FLOATS, sums, target + 7 * PANEL_ROWS + LANES)).intoArray(sums,
          target + 7 * PANEL_ROWS + LANES);
    }
  }
}
