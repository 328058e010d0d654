package io.llada.model.kernel;

import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;
import static io.llada.model.kernel.WeightFormat.GROUP;
import static io.llada.model.kernel.WeightFormat.SCALES_BYTES;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// One panel of an INT8 [PackedMatrix] times a few token rows. Written out for the reasons given at [F32Multiply].
final class Int8Multiply {
  private static final MemorySegment MEMORY = PackedMatrix.MEMORY;
  private static final VectorSpecies<Float> FLOATS = VectorKernels.SPECIES;
  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();
  /// Below it there is no vector of as many bytes.
  private static final int FEWEST_LANES = 8;
  private static final VectorSpecies<Byte> BYTES = VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(LANES,
      FEWEST_LANES) * Byte.SIZE));
  private static final VectorSpecies<Short> SCALES = VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(
      LANES, FEWEST_LANES) * Short.SIZE));
  private static final long GROUP_BYTES = WeightFormat.INT8.groupBytes();
  private static final int TOKEN_TILE = 4;

  private Int8Multiply() {}

  /// Whether this machine's vectors are wide enough.
  static boolean isPossible() {
    return LANES >= FEWEST_LANES;
  }

  /// `y[t, column + r] = w[32 * panel + r] . x[t]` for the 32 rows of a panel.
  static void panel(PackedMatrix w, int panel, float[] x, int tokens, float[] y, int column, int stride) {
    for (int first = 0; first < PANEL_ROWS; first += 2 * LANES) {
      int token = 0;
      for (; token + TOKEN_TILE <= tokens; token += TOKEN_TILE) {
        four(w, panel, first, x, token, y, token * stride + column + first, stride);
      }
      if (token + 2 <= tokens) {
        two(w, panel, first, x, token, y, token * stride + column + first, stride);
        token += 2;
      }
      if (token < tokens) {
        one(w, panel, first, x, token, y, token * stride + column + first, stride);
      }
    }
  }

  private static void four(PackedMatrix w, int panel, int first, float[] x, int token, float[] y, int target,
      int stride) {
    int columns = w.columns();
    int x0 = token * columns;
    int x1 = x0 + columns;
    int x2 = x1 + columns;
    int x3 = x2 + columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
    long group = w.panelAddress(panel);
    for (int c = 0; c < columns; group += GROUP_BYTES) {
      FloatVector p0 = FloatVector.zero(FLOATS);
      FloatVector q0 = p0;
      FloatVector p1 = p0;
      FloatVector q1 = p0;
      FloatVector p2 = p0;
      FloatVector q2 = p0;
      FloatVector p3 = p0;
      FloatVector q3 = p0;
      long weights = group + SCALES_BYTES + first;
      for (int end = c + GROUP; c < end; c++, weights += PANEL_ROWS) {
        FloatVector lower = (FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, weights, ByteOrder.LITTLE_ENDIAN)
            .convertShape(VectorOperators.B2F, FLOATS, 0);
        FloatVector upper = (FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, weights + LANES,
            ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.B2F, FLOATS, 0);
        FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
        p0 = lower.fma(v0, p0);
        q0 = upper.fma(v0, q0);
        FloatVector v1 = FloatVector.broadcast(FLOATS, x[x1 + c]);
        p1 = lower.fma(v1, p1);
        q1 = upper.fma(v1, q1);
        FloatVector v2 = FloatVector.broadcast(FLOATS, x[x2 + c]);
        p2 = lower.fma(v2, p2);
        q2 = upper.fma(v2, q2);
        FloatVector v3 = FloatVector.broadcast(FLOATS, x[x3 + c]);
        p3 = lower.fma(v3, p3);
        q3 = upper.fma(v3, q3);
      }
      FloatVector lowerScale = ((IntVector) ShortVector.fromMemorySegment(SCALES, MEMORY, group + first * Short.BYTES,
          ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL,
              16)
          .reinterpretAsFloats();
      FloatVector upperScale = ((IntVector) ShortVector.fromMemorySegment(SCALES, MEMORY, group + (first + LANES)
          * Short.BYTES, ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)).lanewise(
              VectorOperators.LSHL, 16)
          .reinterpretAsFloats();
      a0 = p0.fma(lowerScale, a0);
      b0 = q0.fma(upperScale, b0);
      a1 = p1.fma(lowerScale, a1);
      b1 = q1.fma(upperScale, b1);
      a2 = p2.fma(lowerScale, a2);
      b2 = q2.fma(upperScale, b2);
      a3 = p3.fma(lowerScale, a3);
      b3 = q3.fma(upperScale, b3);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + LANES);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + LANES);
    a2.intoArray(y, target + 2 * stride);
    b2.intoArray(y, target + 2 * stride + LANES);
    a3.intoArray(y, target + 3 * stride);
    b3.intoArray(y, target + 3 * stride + LANES);
  }

  private static void two(PackedMatrix w, int panel, int first, float[] x, int token, float[] y, int target,
      int stride) {
    int columns = w.columns();
    int x0 = token * columns;
    int x1 = x0 + columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    long group = w.panelAddress(panel);
    for (int c = 0; c < columns; group += GROUP_BYTES) {
      FloatVector p0 = FloatVector.zero(FLOATS);
      FloatVector q0 = p0;
      FloatVector p1 = p0;
      FloatVector q1 = p0;
      long weights = group + SCALES_BYTES + first;
      for (int end = c + GROUP; c < end; c++, weights += PANEL_ROWS) {
        FloatVector lower = (FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, weights, ByteOrder.LITTLE_ENDIAN)
            .convertShape(VectorOperators.B2F, FLOATS, 0);
        FloatVector upper = (FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, weights + LANES,
            ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.B2F, FLOATS, 0);
        FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
        p0 = lower.fma(v0, p0);
        q0 = upper.fma(v0, q0);
        FloatVector v1 = FloatVector.broadcast(FLOATS, x[x1 + c]);
        p1 = lower.fma(v1, p1);
        q1 = upper.fma(v1, q1);
      }
      FloatVector lowerScale = ((IntVector) ShortVector.fromMemorySegment(SCALES, MEMORY, group + first * Short.BYTES,
          ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL,
              16)
          .reinterpretAsFloats();
      FloatVector upperScale = ((IntVector) ShortVector.fromMemorySegment(SCALES, MEMORY, group + (first + LANES)
          * Short.BYTES, ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)).lanewise(
              VectorOperators.LSHL, 16)
          .reinterpretAsFloats();
      a0 = p0.fma(lowerScale, a0);
      b0 = q0.fma(upperScale, b0);
      a1 = p1.fma(lowerScale, a1);
      b1 = q1.fma(upperScale, b1);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + LANES);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + LANES);
  }

  private static void one(PackedMatrix w, int panel, int first, float[] x, int token, float[] y, int target,
      int stride) {
    int columns = w.columns();
    int x0 = token * columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    long group = w.panelAddress(panel);
    for (int c = 0; c < columns; group += GROUP_BYTES) {
      FloatVector p0 = FloatVector.zero(FLOATS);
      FloatVector q0 = p0;
      long weights = group + SCALES_BYTES + first;
      for (int end = c + GROUP; c < end; c++, weights += PANEL_ROWS) {
        FloatVector lower = (FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, weights, ByteOrder.LITTLE_ENDIAN)
            .convertShape(VectorOperators.B2F, FLOATS, 0);
        FloatVector upper = (FloatVector) ByteVector.fromMemorySegment(BYTES, MEMORY, weights + LANES,
            ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.B2F, FLOATS, 0);
        FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
        p0 = lower.fma(v0, p0);
        q0 = upper.fma(v0, q0);
      }
      FloatVector lowerScale = ((IntVector) ShortVector.fromMemorySegment(SCALES, MEMORY, group + first * Short.BYTES,
          ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
          .lanewise(VectorOperators.LSHL,
              16)
          .reinterpretAsFloats();
      FloatVector upperScale = ((IntVector) ShortVector.fromMemorySegment(SCALES, MEMORY, group + (first + LANES)
          * Short.BYTES, ByteOrder.LITTLE_ENDIAN).convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)).lanewise(
              VectorOperators.LSHL, 16)
          .reinterpretAsFloats();
      a0 = p0.fma(lowerScale, a0);
      b0 = q0.fma(upperScale, b0);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + LANES);
  }
}
