package io.llada.model.kernel;

import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Several panels of a BF16 [PackedMatrix] side by side times few token rows: the sums of [Bf16Multiply].
///
/// Few tokens per load leave a processor waiting for memory, and Java cannot ask for it ahead. Several streams of weights
/// have more of it under way. That takes the 32 registers that come with vectors of 512 bits. Written out for the reasons
/// given at [F32Multiply].
final class Bf16Panels {
  private static final MemorySegment MEMORY = PackedMatrix.MEMORY;
  private static final VectorSpecies<Float> FLOATS = VectorKernels.SPECIES;
  private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final int UPPER_HALF = 0xffff0000;
  private static final int HALF_PANEL = PANEL_ROWS / 2;
  private static final int PANELS = 4;
  /// More share a load often enough.
  private static final int MOST_TOKENS = 7;

  private Bf16Panels() {}

  /// Computes panels while there are enough of them, and says which one is the next.
  ///
  /// @param toPanel behind the last panel that has all its rows
  static int run(PackedMatrix w, int fromPanel, int toPanel, TokenRows x, float[] y, int yOffset, int stride) {
    int panel = fromPanel;
    if (FLOATS.length() == HALF_PANEL && x.tokens() <= MOST_TOKENS) {
      for (; panel + PANELS <= toPanel; panel += PANELS) {
        panels(w, panel, x.values(), x.tokens(), y, yOffset + (panel - fromPanel) * PANEL_ROWS, stride);
      }
    }
    return panel;
  }

  private static void panels(PackedMatrix w, int panel, float[] x, int tokens, float[] y, int column, int stride) {
    int token = 0;
    if (token + 4 <= tokens) {
      fourOfTwo(w, panel, x, token, y, token * stride + column, stride);
      fourOfTwo(w, panel + 2, x, token, y, token * stride + column + 2 * PANEL_ROWS, stride);
      token += 4;
    }
    if (token + 2 <= tokens) {
      twoOfFour(w, panel, x, token, y, token * stride + column, stride);
      token += 2;
    }
    if (token < tokens) {
      oneOfFour(w, panel, x, token, y, token * stride + column, stride);
    }
  }

  /// Four tokens, two panels.
  private static void fourOfTwo(PackedMatrix w, int panel, float[] x, int token, float[] y, int target,
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
    FloatVector c0 = a0;
    FloatVector d0 = a0;
    FloatVector c1 = a0;
    FloatVector d1 = a0;
    FloatVector c2 = a0;
    FloatVector d2 = a0;
    FloatVector c3 = a0;
    FloatVector d3 = a0;
    long panelBytes = w.format().panelBytes(columns);
    long offset = w.panelAddress(panel);
    for (int c = 0; c < columns; c++, offset += HALF_PANEL * Integer.BYTES) {
      FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
      FloatVector v1 = FloatVector.broadcast(FLOATS, x[x1 + c]);
      FloatVector v2 = FloatVector.broadcast(FLOATS, x[x2 + c]);
      FloatVector v3 = FloatVector.broadcast(FLOATS, x[x3 + c]);
      IntVector pair0 = IntVector.fromMemorySegment(INTS, MEMORY, offset, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower0 = pair0.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper0 = pair0.and(UPPER_HALF).reinterpretAsFloats();
      a0 = lower0.fma(v0, a0);
      b0 = upper0.fma(v0, b0);
      a1 = lower0.fma(v1, a1);
      b1 = upper0.fma(v1, b1);
      a2 = lower0.fma(v2, a2);
      b2 = upper0.fma(v2, b2);
      a3 = lower0.fma(v3, a3);
      b3 = upper0.fma(v3, b3);
      IntVector pair1 = IntVector.fromMemorySegment(INTS, MEMORY, offset + panelBytes, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower1 = pair1.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper1 = pair1.and(UPPER_HALF).reinterpretAsFloats();
      c0 = lower1.fma(v0, c0);
      d0 = upper1.fma(v0, d0);
      c1 = lower1.fma(v1, c1);
      d1 = upper1.fma(v1, d1);
      c2 = lower1.fma(v2, c2);
      d2 = upper1.fma(v2, d2);
      c3 = lower1.fma(v3, c3);
      d3 = upper1.fma(v3, d3);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + HALF_PANEL);
    c0.intoArray(y, target + 2 * HALF_PANEL);
    d0.intoArray(y, target + 3 * HALF_PANEL);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + HALF_PANEL);
    c1.intoArray(y, target + stride + 2 * HALF_PANEL);
    d1.intoArray(y, target + stride + 3 * HALF_PANEL);
    a2.intoArray(y, target + 2 * stride);
    b2.intoArray(y, target + 2 * stride + HALF_PANEL);
    c2.intoArray(y, target + 2 * stride + 2 * HALF_PANEL);
    d2.intoArray(y, target + 2 * stride + 3 * HALF_PANEL);
    a3.intoArray(y, target + 3 * stride);
    b3.intoArray(y, target + 3 * stride + HALF_PANEL);
    c3.intoArray(y, target + 3 * stride + 2 * HALF_PANEL);
    d3.intoArray(y, target + 3 * stride + 3 * HALF_PANEL);
  }

  /// Two tokens, four panels.
  private static void twoOfFour(PackedMatrix w, int panel, float[] x, int token, float[] y, int target,
      int stride) {
    int columns = w.columns();
    int x0 = token * columns;
    int x1 = x0 + columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector c0 = a0;
    FloatVector d0 = a0;
    FloatVector c1 = a0;
    FloatVector d1 = a0;
    FloatVector e0 = a0;
    FloatVector f0 = a0;
    FloatVector e1 = a0;
    FloatVector f1 = a0;
    FloatVector g0 = a0;
    FloatVector h0 = a0;
    FloatVector g1 = a0;
    FloatVector h1 = a0;
    long panelBytes = w.format().panelBytes(columns);
    long offset = w.panelAddress(panel);
    for (int c = 0; c < columns; c++, offset += HALF_PANEL * Integer.BYTES) {
      FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
      FloatVector v1 = FloatVector.broadcast(FLOATS, x[x1 + c]);
      IntVector pair0 = IntVector.fromMemorySegment(INTS, MEMORY, offset, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower0 = pair0.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper0 = pair0.and(UPPER_HALF).reinterpretAsFloats();
      a0 = lower0.fma(v0, a0);
      b0 = upper0.fma(v0, b0);
      a1 = lower0.fma(v1, a1);
      b1 = upper0.fma(v1, b1);
      IntVector pair1 = IntVector.fromMemorySegment(INTS, MEMORY, offset + panelBytes, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower1 = pair1.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper1 = pair1.and(UPPER_HALF).reinterpretAsFloats();
      c0 = lower1.fma(v0, c0);
      d0 = upper1.fma(v0, d0);
      c1 = lower1.fma(v1, c1);
      d1 = upper1.fma(v1, d1);
      IntVector pair2 = IntVector.fromMemorySegment(INTS, MEMORY, offset + 2 * panelBytes, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower2 = pair2.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper2 = pair2.and(UPPER_HALF).reinterpretAsFloats();
      e0 = lower2.fma(v0, e0);
      f0 = upper2.fma(v0, f0);
      e1 = lower2.fma(v1, e1);
      f1 = upper2.fma(v1, f1);
      IntVector pair3 = IntVector.fromMemorySegment(INTS, MEMORY, offset + 3 * panelBytes, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower3 = pair3.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper3 = pair3.and(UPPER_HALF).reinterpretAsFloats();
      g0 = lower3.fma(v0, g0);
      h0 = upper3.fma(v0, h0);
      g1 = lower3.fma(v1, g1);
      h1 = upper3.fma(v1, h1);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + HALF_PANEL);
    c0.intoArray(y, target + 2 * HALF_PANEL);
    d0.intoArray(y, target + 3 * HALF_PANEL);
    e0.intoArray(y, target + 4 * HALF_PANEL);
    f0.intoArray(y, target + 5 * HALF_PANEL);
    g0.intoArray(y, target + 6 * HALF_PANEL);
    h0.intoArray(y, target + 7 * HALF_PANEL);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + HALF_PANEL);
    c1.intoArray(y, target + stride + 2 * HALF_PANEL);
    d1.intoArray(y, target + stride + 3 * HALF_PANEL);
    e1.intoArray(y, target + stride + 4 * HALF_PANEL);
    f1.intoArray(y, target + stride + 5 * HALF_PANEL);
    g1.intoArray(y, target + stride + 6 * HALF_PANEL);
    h1.intoArray(y, target + stride + 7 * HALF_PANEL);
  }

  /// One token, four panels.
  private static void oneOfFour(PackedMatrix w, int panel, float[] x, int token, float[] y, int target,
      int stride) {
    int columns = w.columns();
    int x0 = token * columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector c0 = a0;
    FloatVector d0 = a0;
    FloatVector e0 = a0;
    FloatVector f0 = a0;
    FloatVector g0 = a0;
    FloatVector h0 = a0;
    long panelBytes = w.format().panelBytes(columns);
    long offset = w.panelAddress(panel);
    for (int c = 0; c < columns; c++, offset += HALF_PANEL * Integer.BYTES) {
      FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
      IntVector pair0 = IntVector.fromMemorySegment(INTS, MEMORY, offset, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower0 = pair0.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper0 = pair0.and(UPPER_HALF).reinterpretAsFloats();
      a0 = lower0.fma(v0, a0);
      b0 = upper0.fma(v0, b0);
      IntVector pair1 = IntVector.fromMemorySegment(INTS, MEMORY, offset + panelBytes, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower1 = pair1.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper1 = pair1.and(UPPER_HALF).reinterpretAsFloats();
      c0 = lower1.fma(v0, c0);
      d0 = upper1.fma(v0, d0);
      IntVector pair2 = IntVector.fromMemorySegment(INTS, MEMORY, offset + 2 * panelBytes, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower2 = pair2.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper2 = pair2.and(UPPER_HALF).reinterpretAsFloats();
      e0 = lower2.fma(v0, e0);
      f0 = upper2.fma(v0, f0);
      IntVector pair3 = IntVector.fromMemorySegment(INTS, MEMORY, offset + 3 * panelBytes, ByteOrder.LITTLE_ENDIAN);
      FloatVector lower3 = pair3.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
      FloatVector upper3 = pair3.and(UPPER_HALF).reinterpretAsFloats();
      g0 = lower3.fma(v0, g0);
      h0 = upper3.fma(v0, h0);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + HALF_PANEL);
    c0.intoArray(y, target + 2 * HALF_PANEL);
    d0.intoArray(y, target + 3 * HALF_PANEL);
    e0.intoArray(y, target + 4 * HALF_PANEL);
    f0.intoArray(y, target + 5 * HALF_PANEL);
    g0.intoArray(y, target + 6 * HALF_PANEL);
    h0.intoArray(y, target + 7 * HALF_PANEL);
  }
}
