package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/// The integer formats: rounding, layout, and vector kernels against the scalar specification, bit for bit. The build
/// runs this test at every vector width.
class QuantisedKernelsTest {
  private static final int[] AWKWARD_ROWS = {1, 7, 16, 31, 32, 33, 64, 97};

  @ParameterizedTest
  @EnumSource(value = WeightFormat.class, names = {"INT8", "INT4"})
  void vectorsGiveTheScalarBits(WeightFormat format) {
    Random random = new Random(1);
    for (int rows : AWKWARD_ROWS) {
      for (int columns : new int[]{32, 64, 160, 2048}) {
        for (int tokens : new int[]{1, 2, 3, 4, 5, 7, 8, 9, 19}) {
          requireSameProduct(format, rows, columns, tokens, random, 1);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = WeightFormat.class, names = {"INT8", "INT4"})
  void extremesNeitherOverflowNorDiffer(WeightFormat format) {
    for (float spread : new float[]{1e30f, 1e-30f, 1e-44f, 0}) {
      requireSameProduct(format, 64, 256, 13, new Random(2), spread);
    }
    try (Arena arena = Arena.ofConfined()) {
      // Every weight and every activation at its limit, all of one sign.
      float[] weights = new float[32 * 64];
      Arrays.fill(weights, -8f);
      float[] x = new float[64];
      Arrays.fill(x, 3f);
      PackedMatrix w = PackedMatrix.pack(List.of(tensor(32, 64, weights, arena)), format, arena);
      float[] y = new float[32];
      new VectorKernels().multiply(w, 0, 1, new VectorKernels().rows(x, 1, w.columns(), w.format()), y, 0, 32);
      for (float value : y) {
        assertThat(value).isCloseTo(-8f * 3 * 64, within(10f));
      }
    }
  }

  private static void requireSameProduct(WeightFormat format, int rows, int columns, int tokens, Random random,
      float spread) {
    try (Arena arena = Arena.ofConfined()) {
      PackedMatrix w = PackedMatrix.pack(List.of(random(rows, columns, arena, random)), format, arena);
      float[] x = new float[tokens * columns];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) random.nextGaussian() * spread;
      }
      float[] expected = new float[tokens * rows];
      float[] found = new float[tokens * rows];
      new ScalarKernels().multiply(w, 0, w.panels(), new ScalarKernels().rows(x, tokens, w.columns(), w.format()),
          expected, 0, rows);
      new VectorKernels().multiply(w, 0, w.panels(), new VectorKernels().rows(x, tokens, w.columns(), w.format()),
          found, 0, rows);
      for (int i = 0; i < expected.length; i++) {
        if (Float.floatToRawIntBits(expected[i]) != Float.floatToRawIntBits(found[i])) {
          throw new AssertionError(
              "%s %d x %d, %d tokens: result %d is %s, expected %s".formatted(format, rows, columns,
                  tokens, i, found[i], expected[i]));
        }
      }
      for (int token = 0; token < tokens; token++) {
        float[] alone = new float[rows];
        new VectorKernels().multiply(w, 0, w.panels(), new VectorKernels().rows(
            Arrays.copyOfRange(x, token * columns, (token + 1) * columns), 1, w.columns(), w.format()), alone, 0, rows);
        assertThat(alone).isEqualTo(Arrays.copyOfRange(found, token * rows, (token + 1) * rows));
      }
    }
  }

  @Test
  void rowsAreRoundedAlike() {
    Random random = new Random(8);
    float[] x = new float[5 * 96];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian() * (i < 96 ? 1e-44f : 3f);
    }
    Arrays.fill(x, 96, 128, 0f);
    x[200] = Float.POSITIVE_INFINITY;
    x[300] = Float.NaN;
    TokenRows expected = new ScalarKernels().rows(x, 5, 96, WeightFormat.INT8);
    TokenRows found = new VectorKernels().rows(x, 5, 96, WeightFormat.INT8);
    assertThat(found.words()).isEqualTo(expected.words());
    assertThat(found.values()).isEqualTo(expected.values());
    assertThat(found.scales()).isEqualTo(expected.scales());
    assertThat(found.sums()).isEqualTo(expected.sums());
    for (int i = 128; i < 192; i++) {
      float step = found.scales()[i / 32];
      assertThat(found.values()[i] * step).isCloseTo(x[i], within(step * 0.5001f));
    }
    int[] picked = {4, 1, 1};
    TokenRows gathered = found.gather(picked, picked.length, new Workspace());
    for (int i = 0; i < picked.length; i++) {
      assertThat(Arrays.copyOfRange(gathered.words(), i * 96, (i + 1) * 96)).isEqualTo(Arrays.copyOfRange(found.words(),
          picked[i] * 96, (picked[i] + 1) * 96));
      assertThat(gathered.sums()[i * 3 + 2]).isEqualTo(found.sums()[picked[i] * 3 + 2]);
    }
  }

  @Test
  void rowsMustGoWithTheMatrix() {
    try (Arena arena = Arena.ofConfined()) {
      PackedMatrix w = PackedMatrix.pack(List.of(random(32, 64, arena, new Random(9))), WeightFormat.INT8, arena);
      for (Kernels kernels : List.of(new ScalarKernels(), new VectorKernels())) {
        TokenRows plain = kernels.rows(new float[64], 1, 64, WeightFormat.BF16);
        TokenRows narrow = kernels.rows(new float[32], 1, 32, WeightFormat.INT8);
        assertThatThrownBy(() -> kernels.multiply(w, 0, 1, plain, new float[32], 0, 32)).hasMessageContaining(
            "as they are");
        assertThatThrownBy(() -> kernels.multiply(w, 0, 1, narrow, new float[32], 0, 32)).hasMessageContaining("32");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = WeightFormat.class, names = {"INT8", "INT4"})
  void aWeightIsOffByHalfAStepAtMost(WeightFormat format) {
    Random random = new Random(5);
    try (Arena arena = Arena.ofConfined()) {
      TensorView source = random(40, 96, arena, random);
      PackedMatrix w = PackedMatrix.pack(List.of(source), format, arena);
      for (int row = 0; row < 40; row++) {
        for (int column = 0; column < 96; column++) {
          float step = w.scaleAt(row, column);
          assertThat(Math.abs(w.at(row, column) - source.at(row, column))).isLessThanOrEqualTo(step * 0.5001f);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = WeightFormat.class, mode = Mode.INCLUDE, names = {"INT8", "INT4"})
  void aPackedMatrixComesBackFromItsBytes(WeightFormat format) {
    try (Arena arena = Arena.ofConfined()) {
      PackedMatrix w = PackedMatrix.pack(List.of(random(33, 64, arena, new Random(6))), format, arena);
      assertThat(w.bytes()).isEqualTo(2L * 2 * (format == WeightFormat.INT8 ? 1088 : 576));
      PackedMatrix again = PackedMatrix.of(format, 33, 64, w.data());
      assertThat(again.at(32, 63)).isEqualTo(w.at(32, 63));
      assertThatThrownBy(() -> PackedMatrix.of(format, 65, 64, w.data())).hasMessageContaining(format.name());
    }
  }

  @Test
  void columnsMustBeWholeGroups() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView odd = random(4, 33, arena, new Random(7));
      assertThatThrownBy(() -> PackedMatrix.pack(List.of(odd), WeightFormat.INT4, arena)).hasMessageContaining("32")
          .hasMessageContaining("33");
    }
  }

  private static TensorView random(int rows, int columns, Arena arena, Random random) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * 0.1f;
    }
    return tensor(rows, columns, values, arena);
  }

  private static TensorView tensor(int rows, int columns, float[] values, Arena arena) {
    MemorySegment data = arena.allocate((long) rows * columns * Float.BYTES, 4);
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
    return new TensorView("random", ElementType.F32, rows, columns, data);
  }
}
