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

/// One panel of an INT8 [PackedMatrix] times a few rounded token rows, in F32 lanes: sums inside a group stay below 2^24
/// and are exact there.
///
/// Bytes are multiplied as they are, 1 .. 255, and 128 times the group's sum of activations is taken off at its end.
/// Written out for the reasons given at [F32Multiply].
final class Int8Multiply {
  private static final MemorySegment MEMORY = PackedMatrix.MEMORY;
  private static final VectorSpecies<Float> FLOATS = VectorKernels.SPECIES;
  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();
  private static final VectorSpecies<Short> SCALES = VectorSpecies.of(short.class, VectorShape.forBitSize(LANES
      * Short.SIZE));
  private static final long GROUP_BYTES = WeightFormat.INT8.groupBytes();
  private static final int BYTE = 0xff;
  private static final float ZERO = WeightFormat.INT8.zero();

  private Int8Multiply() {}

  /// `y[t, column + r] = w[32 * panel + r] . x[t]` for the 32 rows of a panel and the tokens from `token` on.
  static void panel(PackedMatrix w, int panel, TokenRows x, int token, float[] y, int column, int stride) {
    for (int first = 0; first < PANEL_ROWS; first += 2 * LANES) {
      int t = token;
      for (; t + 4 <= x.tokens(); t += 4) {
        four(w, panel, first, x, t, y, t * stride + column + first, stride);
      }
      if (t + 2 <= x.tokens()) {
        two(w, panel, first, x, t, y, t * stride + column + first, stride);
        t += 2;
      }
      if (t < x.tokens()) {
        one(w, panel, first, x, t, y, t * stride + column + first, stride);
      }
    }
  }

  private static void four(PackedMatrix w, int panel, int first, TokenRows x, int token, float[] y, int target,
      int stride) {
    float[] values = x.values();
    int columns = w.columns();
    int groups = columns / GROUP;
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
    long offset = w.panelAddress(panel);
    for (int group = 0, c = 0; group < groups; group++, offset += GROUP_BYTES) {
      FloatVector p0 = FloatVector.zero(FLOATS);
      FloatVector q0 = p0;
      FloatVector p1 = p0;
      FloatVector q1 = p0;
      FloatVector p2 = p0;
      FloatVector q2 = p0;
      FloatVector p3 = p0;
      FloatVector q3 = p0;
      long words = offset + SCALES_BYTES + (long) first * Integer.BYTES;
      for (int end = c + GROUP; c < end; c += 4, words += PANEL_ROWS * Integer.BYTES) {
        IntVector lower = IntVector.fromMemorySegment(INTS, MEMORY, words, ByteOrder.LITTLE_ENDIAN);
        IntVector upper = IntVector.fromMemorySegment(INTS, MEMORY, words + LANES * Integer.BYTES,
            ByteOrder.LITTLE_ENDIAN);
        FloatVector l0 = (FloatVector) lower.and(BYTE).convert(VectorOperators.I2F, 0);
        FloatVector u0 = (FloatVector) upper.and(BYTE).convert(VectorOperators.I2F, 0);
        FloatVector v00 = FloatVector.broadcast(FLOATS, values[x0 + c]);
        p0 = l0.fma(v00, p0);
        q0 = u0.fma(v00, q0);
        FloatVector v01 = FloatVector.broadcast(FLOATS, values[x1 + c]);
        p1 = l0.fma(v01, p1);
        q1 = u0.fma(v01, q1);
        FloatVector v02 = FloatVector.broadcast(FLOATS, values[x2 + c]);
        p2 = l0.fma(v02, p2);
        q2 = u0.fma(v02, q2);
        FloatVector v03 = FloatVector.broadcast(FLOATS, values[x3 + c]);
        p3 = l0.fma(v03, p3);
        q3 = u0.fma(v03, q3);
        FloatVector l1 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 8).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector u1 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 8).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector v10 = FloatVector.broadcast(FLOATS, values[x0 + c + 1]);
        p0 = l1.fma(v10, p0);
        q0 = u1.fma(v10, q0);
        FloatVector v11 = FloatVector.broadcast(FLOATS, values[x1 + c + 1]);
        p1 = l1.fma(v11, p1);
        q1 = u1.fma(v11, q1);
        FloatVector v12 = FloatVector.broadcast(FLOATS, values[x2 + c + 1]);
        p2 = l1.fma(v12, p2);
        q2 = u1.fma(v12, q2);
        FloatVector v13 = FloatVector.broadcast(FLOATS, values[x3 + c + 1]);
        p3 = l1.fma(v13, p3);
        q3 = u1.fma(v13, q3);
        FloatVector l2 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 16).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector u2 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 16).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector v20 = FloatVector.broadcast(FLOATS, values[x0 + c + 2]);
        p0 = l2.fma(v20, p0);
        q0 = u2.fma(v20, q0);
        FloatVector v21 = FloatVector.broadcast(FLOATS, values[x1 + c + 2]);
        p1 = l2.fma(v21, p1);
        q1 = u2.fma(v21, q1);
        FloatVector v22 = FloatVector.broadcast(FLOATS, values[x2 + c + 2]);
        p2 = l2.fma(v22, p2);
        q2 = u2.fma(v22, q2);
        FloatVector v23 = FloatVector.broadcast(FLOATS, values[x3 + c + 2]);
        p3 = l2.fma(v23, p3);
        q3 = u2.fma(v23, q3);
        FloatVector l3 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0);
        FloatVector u3 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0);
        FloatVector v30 = FloatVector.broadcast(FLOATS, values[x0 + c + 3]);
        p0 = l3.fma(v30, p0);
        q0 = u3.fma(v30, q0);
        FloatVector v31 = FloatVector.broadcast(FLOATS, values[x1 + c + 3]);
        p1 = l3.fma(v31, p1);
        q1 = u3.fma(v31, q1);
        FloatVector v32 = FloatVector.broadcast(FLOATS, values[x2 + c + 3]);
        p2 = l3.fma(v32, p2);
        q2 = u3.fma(v32, q2);
        FloatVector v33 = FloatVector.broadcast(FLOATS, values[x3 + c + 3]);
        p3 = l3.fma(v33, p3);
        q3 = u3.fma(v33, q3);
      }
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
      int g0 = token * groups + group;
      float z0 = x.sums()[g0] * ZERO;
      FloatVector s0 = FloatVector.broadcast(FLOATS, x.scales()[g0]);
      a0 = p0.sub(z0).mul(lowerScale).fma(s0, a0);
      b0 = q0.sub(z0).mul(upperScale).fma(s0, b0);
      int g1 = (token + 1) * groups + group;
      float z1 = x.sums()[g1] * ZERO;
      FloatVector s1 = FloatVector.broadcast(FLOATS, x.scales()[g1]);
      a1 = p1.sub(z1).mul(lowerScale).fma(s1, a1);
      b1 = q1.sub(z1).mul(upperScale).fma(s1, b1);
      int g2 = (token + 2) * groups + group;
      float z2 = x.sums()[g2] * ZERO;
      FloatVector s2 = FloatVector.broadcast(FLOATS, x.scales()[g2]);
      a2 = p2.sub(z2).mul(lowerScale).fma(s2, a2);
      b2 = q2.sub(z2).mul(upperScale).fma(s2, b2);
      int g3 = (token + 3) * groups + group;
      float z3 = x.sums()[g3] * ZERO;
      FloatVector s3 = FloatVector.broadcast(FLOATS, x.scales()[g3]);
      a3 = p3.sub(z3).mul(lowerScale).fma(s3, a3);
      b3 = q3.sub(z3).mul(upperScale).fma(s3, b3);
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
  private static void two(PackedMatrix w, int panel, int first, TokenRows x, int token, float[] y, int target,
      int stride) {
    float[] values = x.values();
    int columns = w.columns();
    int groups = columns / GROUP;
    int x0 = token * columns;
    int x1 = x0 + columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    long offset = w.panelAddress(panel);
    for (int group = 0, c = 0; group < groups; group++, offset += GROUP_BYTES) {
      FloatVector p0 = FloatVector.zero(FLOATS);
      FloatVector q0 = p0;
      FloatVector p1 = p0;
      FloatVector q1 = p0;
      long words = offset + SCALES_BYTES + (long) first * Integer.BYTES;
      for (int end = c + GROUP; c < end; c += 4, words += PANEL_ROWS * Integer.BYTES) {
        IntVector lower = IntVector.fromMemorySegment(INTS, MEMORY, words, ByteOrder.LITTLE_ENDIAN);
        IntVector upper = IntVector.fromMemorySegment(INTS, MEMORY, words + LANES * Integer.BYTES,
            ByteOrder.LITTLE_ENDIAN);
        FloatVector l0 = (FloatVector) lower.and(BYTE).convert(VectorOperators.I2F, 0);
        FloatVector u0 = (FloatVector) upper.and(BYTE).convert(VectorOperators.I2F, 0);
        FloatVector v00 = FloatVector.broadcast(FLOATS, values[x0 + c]);
        p0 = l0.fma(v00, p0);
        q0 = u0.fma(v00, q0);
        FloatVector v01 = FloatVector.broadcast(FLOATS, values[x1 + c]);
        p1 = l0.fma(v01, p1);
        q1 = u0.fma(v01, q1);
        FloatVector l1 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 8).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector u1 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 8).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector v10 = FloatVector.broadcast(FLOATS, values[x0 + c + 1]);
        p0 = l1.fma(v10, p0);
        q0 = u1.fma(v10, q0);
        FloatVector v11 = FloatVector.broadcast(FLOATS, values[x1 + c + 1]);
        p1 = l1.fma(v11, p1);
        q1 = u1.fma(v11, q1);
        FloatVector l2 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 16).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector u2 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 16).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector v20 = FloatVector.broadcast(FLOATS, values[x0 + c + 2]);
        p0 = l2.fma(v20, p0);
        q0 = u2.fma(v20, q0);
        FloatVector v21 = FloatVector.broadcast(FLOATS, values[x1 + c + 2]);
        p1 = l2.fma(v21, p1);
        q1 = u2.fma(v21, q1);
        FloatVector l3 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0);
        FloatVector u3 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0);
        FloatVector v30 = FloatVector.broadcast(FLOATS, values[x0 + c + 3]);
        p0 = l3.fma(v30, p0);
        q0 = u3.fma(v30, q0);
        FloatVector v31 = FloatVector.broadcast(FLOATS, values[x1 + c + 3]);
        p1 = l3.fma(v31, p1);
        q1 = u3.fma(v31, q1);
      }
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
      int g0 = token * groups + group;
      float z0 = x.sums()[g0] * ZERO;
      FloatVector s0 = FloatVector.broadcast(FLOATS, x.scales()[g0]);
      a0 = p0.sub(z0).mul(lowerScale).fma(s0, a0);
      b0 = q0.sub(z0).mul(upperScale).fma(s0, b0);
      int g1 = (token + 1) * groups + group;
      float z1 = x.sums()[g1] * ZERO;
      FloatVector s1 = FloatVector.broadcast(FLOATS, x.scales()[g1]);
      a1 = p1.sub(z1).mul(lowerScale).fma(s1, a1);
      b1 = q1.sub(z1).mul(upperScale).fma(s1, b1);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + LANES);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + LANES);
  }
  private static void one(PackedMatrix w, int panel, int first, TokenRows x, int token, float[] y, int target,
      int stride) {
    float[] values = x.values();
    int columns = w.columns();
    int groups = columns / GROUP;
    int x0 = token * columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    long offset = w.panelAddress(panel);
    for (int group = 0, c = 0; group < groups; group++, offset += GROUP_BYTES) {
      FloatVector p0 = FloatVector.zero(FLOATS);
      FloatVector q0 = p0;
      long words = offset + SCALES_BYTES + (long) first * Integer.BYTES;
      for (int end = c + GROUP; c < end; c += 4, words += PANEL_ROWS * Integer.BYTES) {
        IntVector lower = IntVector.fromMemorySegment(INTS, MEMORY, words, ByteOrder.LITTLE_ENDIAN);
        IntVector upper = IntVector.fromMemorySegment(INTS, MEMORY, words + LANES * Integer.BYTES,
            ByteOrder.LITTLE_ENDIAN);
        FloatVector l0 = (FloatVector) lower.and(BYTE).convert(VectorOperators.I2F, 0);
        FloatVector u0 = (FloatVector) upper.and(BYTE).convert(VectorOperators.I2F, 0);
        FloatVector v00 = FloatVector.broadcast(FLOATS, values[x0 + c]);
        p0 = l0.fma(v00, p0);
        q0 = u0.fma(v00, q0);
        FloatVector l1 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 8).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector u1 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 8).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector v10 = FloatVector.broadcast(FLOATS, values[x0 + c + 1]);
        p0 = l1.fma(v10, p0);
        q0 = u1.fma(v10, q0);
        FloatVector l2 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 16).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector u2 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 16).and(BYTE).convert(VectorOperators.I2F,
            0);
        FloatVector v20 = FloatVector.broadcast(FLOATS, values[x0 + c + 2]);
        p0 = l2.fma(v20, p0);
        q0 = u2.fma(v20, q0);
        FloatVector l3 = (FloatVector) lower.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0);
        FloatVector u3 = (FloatVector) upper.lanewise(VectorOperators.LSHR, 24).convert(VectorOperators.I2F, 0);
        FloatVector v30 = FloatVector.broadcast(FLOATS, values[x0 + c + 3]);
        p0 = l3.fma(v30, p0);
        q0 = u3.fma(v30, q0);
      }
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
      int g0 = token * groups + group;
      float z0 = x.sums()[g0] * ZERO;
      FloatVector s0 = FloatVector.broadcast(FLOATS, x.scales()[g0]);
      a0 = p0.sub(z0).mul(lowerScale).fma(s0, a0);
      b0 = q0.sub(z0).mul(upperScale).fma(s0, b0);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + LANES);
  }
}
