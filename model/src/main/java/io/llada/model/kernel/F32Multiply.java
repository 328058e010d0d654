package io.llada.model.kernel;

import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// One panel of an F32 [PackedMatrix] times a few token rows.
///
/// A strip is two vectors of rows (`r` and `r + 16`). Eight tokens (then four, two, one) share each load of weights; the
/// inner loops are written out because vectors that cross a method boundary end up on the heap once inlining gives up.
final class F32Multiply {
  private static final MemorySegment MEMORY = PackedMatrix.MEMORY;
  private static final VectorSpecies<Float> FLOATS = VectorKernels.SPECIES;
  private static final int HALF_PANEL = PANEL_ROWS / 2;

  private F32Multiply() {}

  /// `y[t, column + r] = w[32 * panel + r] . x[t]` for the 32 rows of a panel.
  static void panel(PackedMatrix w, int panel, float[] x, int tokens, float[] y, int column, int stride) {
    for (int strip = 0; strip < HALF_PANEL; strip += FLOATS.length()) {
      int target = column + strip;
      int token = 0;
      for (; token + 8 <= tokens; token += 8) {
        eight(w, panel, strip, x, token, y, token * stride + target, stride);
      }
      if (token + 4 <= tokens) {
        four(w, panel, strip, x, token, y, token * stride + target, stride);
        token += 4;
      }
      if (token + 2 <= tokens) {
        two(w, panel, strip, x, token, y, token * stride + target, stride);
        token += 2;
      }
      if (token < tokens) {
        one(w, panel, strip, x, token, y, token * stride + target, stride);
      }
    }
  }

  private static void eight(PackedMatrix w, int panel, int strip, float[] x, int token, float[] y, int target,
      int stride) {
    int columns = w.columns();
    int x0 = token * columns;
    int x1 = x0 + columns;
    int x2 = x1 + columns;
    int x3 = x2 + columns;
    int x4 = x3 + columns;
    int x5 = x4 + columns;
    int x6 = x5 + columns;
    int x7 = x6 + columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
    FloatVector a4 = a0;
    FloatVector b4 = a0;
    FloatVector a5 = a0;
    FloatVector b5 = a0;
    FloatVector a6 = a0;
    FloatVector b6 = a0;
    FloatVector a7 = a0;
    FloatVector b7 = a0;
    long offset = w.panelAddress(panel) + strip * Float.BYTES;
    for (int c = 0; c < columns; c++, offset += PANEL_ROWS * Float.BYTES) {
      FloatVector lower = FloatVector.fromMemorySegment(FLOATS, MEMORY, offset, ByteOrder.LITTLE_ENDIAN);
      FloatVector upper = FloatVector.fromMemorySegment(FLOATS, MEMORY, offset + HALF_PANEL * Float.BYTES,
          ByteOrder.LITTLE_ENDIAN);
      FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
      a0 = lower.fma(v0, a0);
      b0 = upper.fma(v0, b0);
      FloatVector v1 = FloatVector.broadcast(FLOATS, x[x1 + c]);
      a1 = lower.fma(v1, a1);
      b1 = upper.fma(v1, b1);
      FloatVector v2 = FloatVector.broadcast(FLOATS, x[x2 + c]);
      a2 = lower.fma(v2, a2);
      b2 = upper.fma(v2, b2);
      FloatVector v3 = FloatVector.broadcast(FLOATS, x[x3 + c]);
      a3 = lower.fma(v3, a3);
      b3 = upper.fma(v3, b3);
      FloatVector v4 = FloatVector.broadcast(FLOATS, x[x4 + c]);
      a4 = lower.fma(v4, a4);
      b4 = upper.fma(v4, b4);
      FloatVector v5 = FloatVector.broadcast(FLOATS, x[x5 + c]);
      a5 = lower.fma(v5, a5);
      b5 = upper.fma(v5, b5);
      FloatVector v6 = FloatVector.broadcast(FLOATS, x[x6 + c]);
      a6 = lower.fma(v6, a6);
      b6 = upper.fma(v6, b6);
      FloatVector v7 = FloatVector.broadcast(FLOATS, x[x7 + c]);
      a7 = lower.fma(v7, a7);
      b7 = upper.fma(v7, b7);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + HALF_PANEL);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + HALF_PANEL);
    a2.intoArray(y, target + 2 * stride);
    b2.intoArray(y, target + 2 * stride + HALF_PANEL);
    a3.intoArray(y, target + 3 * stride);
    b3.intoArray(y, target + 3 * stride + HALF_PANEL);
    a4.intoArray(y, target + 4 * stride);
    b4.intoArray(y, target + 4 * stride + HALF_PANEL);
    a5.intoArray(y, target + 5 * stride);
    b5.intoArray(y, target + 5 * stride + HALF_PANEL);
    a6.intoArray(y, target + 6 * stride);
    b6.intoArray(y, target + 6 * stride + HALF_PANEL);
    a7.intoArray(y, target + 7 * stride);
    b7.intoArray(y, target + 7 * stride + HALF_PANEL);
  }

  private static void four(PackedMatrix w, int panel, int strip, float[] x, int token, float[] y, int target,
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
    long offset = w.panelAddress(panel) + strip * Float.BYTES;
    for (int c = 0; c < columns; c++, offset += PANEL_ROWS * Float.BYTES) {
      FloatVector lower = FloatVector.fromMemorySegment(FLOATS, MEMORY, offset, ByteOrder.LITTLE_ENDIAN);
      FloatVector upper = FloatVector.fromMemorySegment(FLOATS, MEMORY, offset + HALF_PANEL * Float.BYTES,
          ByteOrder.LITTLE_ENDIAN);
      FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
      a0 = lower.fma(v0, a0);
      b0 = upper.fma(v0, b0);
      FloatVector v1 = FloatVector.broadcast(FLOATS, x[x1 + c]);
      a1 = lower.fma(v1, a1);
      b1 = upper.fma(v1, b1);
      FloatVector v2 = FloatVector.broadcast(FLOATS, x[x2 + c]);
      a2 = lower.fma(v2, a2);
      b2 = upper.fma(v2, b2);
      FloatVector v3 = FloatVector.broadcast(FLOATS, x[x3 + c]);
      a3 = lower.fma(v3, a3);
      b3 = upper.fma(v3, b3);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + HALF_PANEL);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + HALF_PANEL);
    a2.intoArray(y, target + 2 * stride);
    b2.intoArray(y, target + 2 * stride + HALF_PANEL);
    a3.intoArray(y, target + 3 * stride);
    b3.intoArray(y, target + 3 * stride + HALF_PANEL);
  }

  private static void two(PackedMatrix w, int panel, int strip, float[] x, int token, float[] y, int target,
      int stride) {
    int columns = w.columns();
    int x0 = token * columns;
    int x1 = x0 + columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    long offset = w.panelAddress(panel) + strip * Float.BYTES;
    for (int c = 0; c < columns; c++, offset += PANEL_ROWS * Float.BYTES) {
      FloatVector lower = FloatVector.fromMemorySegment(FLOATS, MEMORY, offset, ByteOrder.LITTLE_ENDIAN);
      FloatVector upper = FloatVector.fromMemorySegment(FLOATS, MEMORY, offset + HALF_PANEL * Float.BYTES,
          ByteOrder.LITTLE_ENDIAN);
      FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
      a0 = lower.fma(v0, a0);
      b0 = upper.fma(v0, b0);
      FloatVector v1 = FloatVector.broadcast(FLOATS, x[x1 + c]);
      a1 = lower.fma(v1, a1);
      b1 = upper.fma(v1, b1);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + HALF_PANEL);
    a1.intoArray(y, target + stride);
    b1.intoArray(y, target + stride + HALF_PANEL);
  }

  private static void one(PackedMatrix w, int panel, int strip, float[] x, int token, float[] y, int target,
      int stride) {
    int columns = w.columns();
    int x0 = token * columns;
    FloatVector a0 = FloatVector.zero(FLOATS);
    FloatVector b0 = a0;
    long offset = w.panelAddress(panel) + strip * Float.BYTES;
    for (int c = 0; c < columns; c++, offset += PANEL_ROWS * Float.BYTES) {
      FloatVector lower = FloatVector.fromMemorySegment(FLOATS, MEMORY, offset, ByteOrder.LITTLE_ENDIAN);
      FloatVector upper = FloatVector.fromMemorySegment(FLOATS, MEMORY, offset + HALF_PANEL * Float.BYTES,
          ByteOrder.LITTLE_ENDIAN);
      FloatVector v0 = FloatVector.broadcast(FLOATS, x[x0 + c]);
      a0 = lower.fma(v0, a0);
      b0 = upper.fma(v0, b0);
    }
    a0.intoArray(y, target);
    b0.intoArray(y, target + HALF_PANEL);
  }
}
