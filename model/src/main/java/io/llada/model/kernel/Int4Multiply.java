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
import jdk.incubator.vector.VectorSpecies;

/// One panel of an INT4 [PackedMatrix] times a few rounded token rows, in 16-bit lanes: a vector holds twice as many
/// rows as with F32.
///
/// Nibbles are multiplied as they are, 0 .. 15, and eight times the group's sum of activations is taken off at its
/// end. Sums may wrap around 16 bits on the way; the result is at most 8 * 127 * 32 and exact. Written out for the
/// reasons given at [F32Multiply].
final class Int4Multiply {
  private static final MemorySegment MEMORY = PackedMatrix.MEMORY;
  private static final VectorSpecies<Float> FLOATS = VectorKernels.SPECIES;
  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();
  private static final long GROUP_BYTES = WeightFormat.INT4.groupBytes();
  private static final short NIBBLE = 0xf;

  private Int4Multiply() {}

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
    short[] values = x.words();
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
      ShortVector s0 = ShortVector.zero(SHORTS);
      ShortVector s1 = s0;
      ShortVector s2 = s0;
      ShortVector s3 = s0;
      long words = offset + SCALES_BYTES + first * Short.BYTES;
      for (int end = c + GROUP; c < end; c += 4, words += PANEL_ROWS * Short.BYTES) {
        ShortVector word = ShortVector.fromMemorySegment(SHORTS, MEMORY, words, ByteOrder.LITTLE_ENDIAN);
        ShortVector n0 = word.and(NIBBLE);
        ShortVector n1 = word.lanewise(VectorOperators.LSHR, 4).and(NIBBLE);
        ShortVector n2 = word.lanewise(VectorOperators.LSHR, 8).and(NIBBLE);
        ShortVector n3 = word.lanewise(VectorOperators.LSHR, 12);
        s0 = s0.add(n0.mul(ShortVector.broadcast(SHORTS, values[x0 + c])));
        s1 = s1.add(n0.mul(ShortVector.broadcast(SHORTS, values[x1 + c])));
        s2 = s2.add(n0.mul(ShortVector.broadcast(SHORTS, values[x2 + c])));
        s3 = s3.add(n0.mul(ShortVector.broadcast(SHORTS, values[x3 + c])));
        s0 = s0.add(n1.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 1])));
        s1 = s1.add(n1.mul(ShortVector.broadcast(SHORTS, values[x1 + c + 1])));
        s2 = s2.add(n1.mul(ShortVector.broadcast(SHORTS, values[x2 + c + 1])));
        s3 = s3.add(n1.mul(ShortVector.broadcast(SHORTS, values[x3 + c + 1])));
        s0 = s0.add(n2.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 2])));
        s1 = s1.add(n2.mul(ShortVector.broadcast(SHORTS, values[x1 + c + 2])));
        s2 = s2.add(n2.mul(ShortVector.broadcast(SHORTS, values[x2 + c + 2])));
        s3 = s3.add(n2.mul(ShortVector.broadcast(SHORTS, values[x3 + c + 2])));
        s0 = s0.add(n3.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 3])));
        s1 = s1.add(n3.mul(ShortVector.broadcast(SHORTS, values[x1 + c + 3])));
        s2 = s2.add(n3.mul(ShortVector.broadcast(SHORTS, values[x2 + c + 3])));
        s3 = s3.add(n3.mul(ShortVector.broadcast(SHORTS, values[x3 + c + 3])));
      }
      ShortVector bits = ShortVector.fromMemorySegment(SHORTS, MEMORY, offset + first * Short.BYTES,
          ByteOrder.LITTLE_ENDIAN);
      FloatVector lowerScale = ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)).lanewise(
          VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upperScale = ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 1)).lanewise(
          VectorOperators.LSHL, 16).reinterpretAsFloats();
      int g0 = token * groups + group;
      s0 = s0.sub((short) (x.sums()[g0] * 8));
      FloatVector xs0 = FloatVector.broadcast(FLOATS, x.scales()[g0]);
      a0 = ((FloatVector) s0.convertShape(VectorOperators.S2F, FLOATS, 0)).mul(lowerScale).fma(xs0, a0);
      b0 = ((FloatVector) s0.convertShape(VectorOperators.S2F, FLOATS, 1)).mul(upperScale).fma(xs0, b0);
      int g1 = (token + 1) * groups + group;
      s1 = s1.sub((short) (x.sums()[g1] * 8));
      FloatVector xs1 = FloatVector.broadcast(FLOATS, x.scales()[g1]);
      a1 = ((FloatVector) s1.convertShape(VectorOperators.S2F, FLOATS, 0)).mul(lowerScale).fma(xs1, a1);
      b1 = ((FloatVector) s1.convertShape(VectorOperators.S2F, FLOATS, 1)).mul(upperScale).fma(xs1, b1);
      int g2 = (token + 2) * groups + group;
      s2 = s2.sub((short) (x.sums()[g2] * 8));
      FloatVector xs2 = FloatVector.broadcast(FLOATS, x.scales()[g2]);
      a2 = ((FloatVector) s2.convertShape(VectorOperators.S2F, FLOATS, 0)).mul(lowerScale).fma(xs2, a2);
      b2 = ((FloatVector) s2.convertShape(VectorOperators.S2F, FLOATS, 1)).mul(upperScale).fma(xs2, b2);
      int g3 = (token + 3) * groups + group;
      s3 = s3.sub((short) (x.sums()[g3] * 8));
      FloatVector xs3 = FloatVector.broadcast(FLOATS, x.scales()[g3]);
      a3 = ((FloatVector) s3.convertShape(VectorOperators.S2F, FLOATS, 0)).mul(lowerScale).fma(xs3, a3);
      b3 = ((FloatVector) s3.convertShape(VectorOperators.S2F, FLOATS, 1)).mul(upperScale).fma(xs3, b3);
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
    short[] values = x.words();
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
      ShortVector s0 = ShortVector.zero(SHORTS);
      ShortVector s1 = s0;
      long words = offset + SCALES_BYTES + first * Short.BYTES;
      for (int end = c + GROUP; c < end; c += 4, words += PANEL_ROWS * Short.BYTES) {
        ShortVector word = ShortVector.fromMemorySegment(SHORTS, MEMORY, words, ByteOrder.LITTLE_ENDIAN);
        ShortVector n0 = word.and(NIBBLE);
        ShortVector n1 = word.lanewise(VectorOperators.LSHR, 4).and(NIBBLE);
        ShortVector n2 = word.lanewise(VectorOperators.LSHR, 8).and(NIBBLE);
        ShortVector n3 = word.lanewise(VectorOperators.LSHR, 12);
        s0 = s0.add(n0.mul(ShortVector.broadcast(SHORTS, values[x0 + c])));
        s1 = s1.add(n0.mul(ShortVector.broadcast(SHORTS, values[x1 + c])));
        s0 = s0.add(n1.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 1])));
        s1 = s1.add(n1.mul(ShortVector.broadcast(SHORTS, values[x1 + c + 1])));
        s0 = s0.add(n2.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 2])));
        s1 = s1.add(n2.mul(ShortVector.broadcast(SHORTS, values[x1 + c + 2])));
        s0 = s0.add(n3.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 3])));
        s1 = s1.add(n3.mul(ShortVector.broadcast(SHORTS, values[x1 + c + 3])));
      }
      ShortVector bits = ShortVector.fromMemorySegment(SHORTS, MEMORY, offset + first * Short.BYTES,
          ByteOrder.LITTLE_ENDIAN);
      FloatVector lowerScale = ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)).lanewise(
          VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upperScale = ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 1)).lanewise(
          VectorOperators.LSHL, 16).reinterpretAsFloats();
      int g0 = token * groups + group;
      s0 = s0.sub((short) (x.sums()[g0] * 8));
      FloatVector xs0 = FloatVector.broadcast(FLOATS, x.scales()[g0]);
      a0 = ((FloatVector) s0.convertShape(VectorOperators.S2F, FLOATS, 0)).mul(lowerScale).fma(xs0, a0);
      b0 = ((FloatVector) s0.convertShape(VectorOperators.S2F, FLOATS, 1)).mul(upperScale).fma(xs0, b0);
      int g1 = (token + 1) * groups + group;
      s1 = s1.sub((short) (x.sums()[g1] * 8));
      FloatVector xs1 = FloatVector.broadcast(FLOATS, x.scales()[g1]);
      a1 = ((FloatVector) s1.convertShape(VectorOperators.S2F, FLOATS, 0)).mul(lowerScale).fma(xs1, a1);
      b1 = ((FloatVector) s1.convertShape(VectorOperators.S2F, FLOATS, 1)).mul(upperScale).fma(xs1, b1);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + LANES);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + LANES);
  }

  private static void one(PackedMatrix w, int panel, int first, TokenRows x, int token, float[] y, int target,
      int stride) {
    short[] values = x.words();
    int columns = w.columns();
    int groups = columns / GROUP;
    int x0 = token * columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    long offset = w.panelAddress(panel);
    for (int group = 0, c = 0; group < groups; group++, offset += GROUP_BYTES) {
      ShortVector s0 = ShortVector.zero(SHORTS);
      long words = offset + SCALES_BYTES + first * Short.BYTES;
      for (int end = c + GROUP; c < end; c += 4, words += PANEL_ROWS * Short.BYTES) {
        ShortVector word = ShortVector.fromMemorySegment(SHORTS, MEMORY, words, ByteOrder.LITTLE_ENDIAN);
        ShortVector n0 = word.and(NIBBLE);
        ShortVector n1 = word.lanewise(VectorOperators.LSHR, 4).and(NIBBLE);
        ShortVector n2 = word.lanewise(VectorOperators.LSHR, 8).and(NIBBLE);
        ShortVector n3 = word.lanewise(VectorOperators.LSHR, 12);
        s0 = s0.add(n0.mul(ShortVector.broadcast(SHORTS, values[x0 + c])));
        s0 = s0.add(n1.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 1])));
        s0 = s0.add(n2.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 2])));
        s0 = s0.add(n3.mul(ShortVector.broadcast(SHORTS, values[x0 + c + 3])));
      }
      ShortVector bits = ShortVector.fromMemorySegment(SHORTS, MEMORY, offset + first * Short.BYTES,
          ByteOrder.LITTLE_ENDIAN);
      FloatVector lowerScale = ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)).lanewise(
          VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upperScale = ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 1)).lanewise(
          VectorOperators.LSHL, 16).reinterpretAsFloats();
      int g0 = token * groups + group;
      s0 = s0.sub((short) (x.sums()[g0] * 8));
      FloatVector xs0 = FloatVector.broadcast(FLOATS, x.scales()[g0]);
      a0 = ((FloatVector) s0.convertShape(VectorOperators.S2F, FLOATS, 0)).mul(lowerScale).fma(xs0, a0);
      b0 = ((FloatVector) s0.convertShape(VectorOperators.S2F, FLOATS, 1)).mul(upperScale).fma(xs0, b0);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + LANES);
  }
}
