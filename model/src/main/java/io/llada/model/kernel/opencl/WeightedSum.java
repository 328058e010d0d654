package io.llada.model.kernel.opencl;

import com.aparapi.Range;
import io.llada.model.experts.DeviceException;

/// Weighted sums of rows, written in Java and translated to OpenCL by Aparapi: the easy way in, for whoever wants to try a
/// kernel without OpenCL C. It is not the hot path; see the module's README for what translates and what does not.
///
public final class WeightedSum {
  private final OpenClDevice device;

  public WeightedSum(OpenClDevice device) {
    this.device = device;
  }

  /// `sum[c] = fma(weights[r], rows[r, c], ...)` over ascending `r`, from zero.
  ///
  /// @param rows `(weights.length, columns)`
  /// @return `(columns)`
  /// @throws DeviceException when the device did not compute it
  public float[] of(float[] weights, float[] rows, int columns) {
    if (rows.length != weights.length * columns) {
      throw new IllegalArgumentException(
          "%d weights and %d columns need %d elements, found %d".formatted(weights.length,
              columns, weights.length * columns, rows.length));
    }
    Columns kernel = new Columns(weights, rows, columns);
    try {
      kernel.execute(Range.create(device.handle(), columns));
      return kernel.sums;
    } finally {
      kernel.dispose();
    }
  }

  /// One work-item per column. Aparapi reads the byte code of [#run] and the fields it uses.
  static final class Columns extends DeviceKernel {
    final float[] weights;
    final float[] rows;
    final float[] sums;
    final int columns;

    Columns(float[] weights, float[] rows, int columns) {
      this.weights = weights;
      this.rows = rows;
      this.columns = columns;
      this.sums = new float[columns];
    }

    @Override
    public void run() {
      int column = getGlobalId();
      float sum = 0;
      for (int row = 0; row < weights.length; row++) {
        sum = fma(weights[row], rows[row * columns + column], sum);
      }
      sums[column] = sum;
    }
  }
}
