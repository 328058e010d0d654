package io.llada.model.kernel;

import static io.llada.model.kernel.WeightFormat.GROUP;

/// Activations rounded to 8 bits with one scale per token and quantisation group.
///
/// @param values `(tokens, columns)`, -127 .. 127
/// @param scales `(tokens, columns / GROUP)`
/// @param sums sums of the values of each group, likewise
record QuantisedRows(short[] values, float[] scales, short[] sums) {
  private static final float MOST = 127f;

  static QuantisedRows of(float[] x, int tokens, int columns) {
    int groups = columns / GROUP;
    QuantisedRows rows = new QuantisedRows(new short[tokens * columns], new float[tokens * groups], new short[tokens
        * groups]);
    for (int group = 0; group < tokens * groups; group++) {
      int from = group * GROUP;
      float most = 0;
      for (int i = from; i < from + GROUP; i++) {
        most = Math.max(most, Math.abs(x[i]));
      }
      float inverse = most > 0 ? MOST / most : 0;
      int sum = 0;
      for (int i = from; i < from + GROUP; i++) {
        // Rounds to nearest, ties to even, by the same operations everywhere.
        float rounded = x[i] * inverse + Exponential.ROUNDER - Exponential.ROUNDER;
        rows.values[i] = (short) rounded;
        sum += rows.values[i];
      }
      rows.scales[group] = most / MOST;
      rows.sums[group] = (short) sum;
    }
    return rows;
  }
}
