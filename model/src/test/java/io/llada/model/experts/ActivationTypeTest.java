package io.llada.model.experts;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.kernel.VectorKernels;
import org.junit.jupiter.api.Test;

class ActivationTypeTest {
  @Test
  void onlyTheNamedRangeIsRounded() {
    float[] values = {1.001f, 1.001f, 1.001f, 1.001f};
    ActivationType.BF16.round(new VectorKernels(), values, 1, 3);
    assertThat(values).containsExactly(1.001f, 1f, 1f, 1.001f);
  }

  @Test
  void f32RoundsNothing() {
    float[] values = {1.001f, Float.NaN};
    ActivationType.F32.round(new VectorKernels(), values, 0, 2);
    assertThat(values).containsExactly(1.001f, Float.NaN);
  }
}
