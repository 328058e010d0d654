package io.llada.model.kernel;

import static io.llada.model.kernel.KeyValuePages.PAGE_POSITIONS;
import static io.llada.model.kernel.PackedMatrix.PANEL_ROWS;
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

/// Vector kernels against the scalar specification: the same bits. The build runs this test at every vector width.
class KernelsAgreementTest {
  private static final Kernels SCALAR = new ScalarKernels();
  private static final int[] AWKWARD = {1, 2, 3, 7, 8, 9, 13, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65, 97, 127};
  private static final float UNTOUCHED = 12345f;

  @Test
  void productsAgreeOverAwkwardShapes() {
    Kernels vector = new VectorKernels();
    Random random = new Random(1);
    for (int rows : AWKWARD) {
      for (int columns : new int[]{1, 2, 15, 16, 17, 61}) {
        for (int tokens : new int[]{1, 3, 4, 5, 8, 11}) {
          for (ElementType type : ElementType.values()) {
            requireSameProduct(vector, type, rows, columns, tokens, random);
          }
        }
      }
    }
  }

  @Test
  void productsAgreeOverTheRealSizes() {
    Kernels vector = new VectorKernels();
    Random random = new Random(2);
    requireSameProduct(vector, ElementType.BF16, 512, 2048, 5, random);
    requireSameProduct(vector, ElementType.BF16, 2048, 512, 3, random);
    requireSameProduct(vector, ElementType.F32, 256, 2048, 4, random);
  }

  private static void requireSameProduct(Kernels vector, ElementType type, int rows, int columns, int tokens,
      Random random) {
    try (Arena arena = Arena.ofConfined()) {
      PackedMatrix w = matrix(type, rows, columns, arena, random);
      float[] x = floats(tokens * columns, random);
      // Room around the result shows a kernel that writes where it must not.
      int yOffset = random.nextInt(4);
      int stride = rows + yOffset + random.nextInt(4);
      float[] expected = filled(tokens * stride);
      float[] found = expected.clone();
      SCALAR.multiply(w, 0, w.panels(), SCALAR.rows(x, tokens, w.columns(), w.format()), expected, yOffset, stride);
      vector.multiply(w, 0, w.panels(), vector.rows(x, tokens, w.columns(), w.format()), found, yOffset, stride);
      requireSameBits(found, expected, "%s %d x %d, %d tokens", type, rows, columns, tokens);
    }
  }

  @Test
  void aRunOfPanelsGivesTheSameRowsAsTheWhole() {
    Random random = new Random(3);
    try (Arena arena = Arena.ofConfined()) {
      PackedMatrix w = matrix(ElementType.BF16, 3 * PANEL_ROWS + 5, 37, arena, random);
      float[] x = floats(6 * 37, random);
      float[] whole = new float[6 * w.rows()];
      SCALAR.multiply(w, 0, w.panels(), SCALAR.rows(x, 6, w.columns(), w.format()), whole, 0, w.rows());
      for (int from = 0; from < w.panels(); from++) {
        for (int to = from + 1; to <= w.panels(); to++) {
          int width = Math.min(w.rows(), to * PANEL_ROWS) - from * PANEL_ROWS;
          float[] part = new float[6 * width];
          new VectorKernels().multiply(w, from, to, new VectorKernels().rows(x, 6, w.columns(), w.format()), part, 0,
              width);
          for (int token = 0; token < 6; token++) {
            int first = token * w.rows() + from * PANEL_ROWS;
            requireSameBits(Arrays.copyOfRange(part, token * width, (token + 1) * width), Arrays.copyOfRange(whole,
                first, first + width), "panels %d..%d, token %d", from, to, token);
          }
        }
      }
    }
  }

  @Test
  void aTokenAloneGivesTheSameBitsAsInAnyCompany() {
    Kernels vector = new VectorKernels();
    Random random = new Random(4);
    int rows = 45;
    int columns = 53;
    try (Arena arena = Arena.ofConfined()) {
      for (ElementType type : ElementType.values()) {
        PackedMatrix w = matrix(type, rows, columns, arena, random);
        float[] x = floats(11 * columns, random);
        for (int tokens = 1; tokens <= 11; tokens++) {
          float[] together = new float[tokens * rows];
          vector.multiply(w, 0, w.panels(), vector.rows(x, tokens, w.columns(), w.format()), together, 0, rows);
          for (int token = 0; token < tokens; token++) {
            float[] alone = new float[rows];
            vector.multiply(w, 0, w.panels(),
                vector.rows(Arrays.copyOfRange(x, token * columns, (token + 1) * columns), 1, w.columns(), w.format()),
                alone,
                0, rows);
            requireSameBits(Arrays.copyOfRange(together, token * rows, (token + 1) * rows), alone,
                "token %d of %d in %s", token, tokens, type);
          }
        }
      }
    }
  }

  @Test
  void roundingToBf16Agrees() {
    Kernels vector = new VectorKernels();
    Random random = new Random(8);
    for (int count : AWKWARD) {
      float[] expected = new float[count + 5];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = Float.intBitsToFloat(random.nextInt()); // infinities and NaNs among them
      }
      expected[2] = Float.intBitsToFloat(0x7f80_0001);
      float[] found = expected.clone();
      SCALAR.roundToBf16(expected, 2, 2 + count);
      vector.roundToBf16(found, 2, 2 + count);
      requireSameBits(found, expected, "%d values", count);
    }
  }

  @Test
  void normsAgree() {
    Kernels vector = new VectorKernels();
    Random random = new Random(5);
    for (int width : AWKWARD) {
      float[] x = floats(width + 8, random);
      float[] weight = floats(width, random);
      float[] expected = filled(width + 8);
      float[] found = expected.clone();
      SCALAR.rmsNorm(x, 3, weight, 1e-6f, expected, 5);
      vector.rmsNorm(x, 3, weight, 1e-6f, found, 5);
      requireSameBits(found, expected, "width %d", width);
      vector.rmsNorm(x, 3, weight, 1e-6f, x, 3);
      requireSameBits(Arrays.copyOfRange(x, 3, 3 + width), Arrays.copyOfRange(expected, 5, 5 + width),
          "width %d in place", width);
    }
  }

  @Test
  void gatesAgreeWhereverTheyAreCut() {
    Kernels vector = new VectorKernels();
    Random random = new Random(6);
    for (int count : AWKWARD) {
      float[] expected = floats(count + 5, random);
      expected[0] = -300;
      float[] up = floats(count + 5, random);
      float[] found = expected.clone();
      float[] inTwo = expected.clone();
      SCALAR.swiglu(expected, up, 2, 2 + count);
      vector.swiglu(found, up, 2, 2 + count);
      vector.swiglu(inTwo, up, 2, 2 + count / 3);
      vector.swiglu(inTwo, up, 2 + count / 3, 2 + count);
      requireSameBits(found, expected, "%d gates", count);
      requireSameBits(inTwo, expected, "%d gates in two calls", count);
    }
  }

  @Test
  void scaledAdditionsAgree() {
    Random random = new Random(7);
    for (int count : AWKWARD) {
      float[] x = floats(count + 3, random);
      float[] expected = floats(count + 6, random);
      float[] found = expected.clone();
      SCALAR.addScaled(0.37f, x, 2, expected, 4, count);
      new VectorKernels().addScaled(0.37f, x, 2, found, 4, count);
      requireSameBits(found, expected, "%d elements", count);
    }
  }

  @Test
  void sumsOfExponentialsAgree() {
    Random random = new Random(8);
    for (int count : AWKWARD) {
      // Terms of like size show the order of the additions; terms far apart, the clamping.
      for (float spread : new float[]{0.3f, 40}) {
        float[] expected = floats(count + 7, random);
        for (int i = 0; i < expected.length; i++) {
          expected[i] *= spread;
        }
        float[] found = expected.clone();
        float expectedSum = SCALAR.expSum(expected, 5, count, spread);
        float foundSum = new VectorKernels().expSum(found, 5, count, spread);
        requireSameBits(found, expected, "%d powers", count);
        requireSameBits(new float[]{foundSum}, new float[]{expectedSum}, "sum of %d", count);
      }
    }
  }

  @Test
  void theLargestElementAndSigmoidsAgree() {
    Random random = new Random(11);
    for (int count : AWKWARD) {
      float[] x = floats(count + 7, random);
      assertThat(new VectorKernels().max(x, 3, count)).isEqualTo(SCALAR.max(x, 3, count));
      float[] expected = x.clone();
      float[] found = x.clone();
      SCALAR.sigmoid(expected, 3, 3 + count);
      new VectorKernels().sigmoid(found, 3, 3 + count);
      requireSameBits(found, expected, "%d sigmoids", count);
      assertThat(found[3]).isEqualTo((float) (1 / (1 + Math.exp(-x[3]))), within(1e-6f));
      x[3 + count / 2] = Float.NaN;
      assertThat(new VectorKernels().max(x, 3, count)).isNaN();
    }
    assertThat(new VectorKernels().max(new float[4], 2, 0)).isEqualTo(Float.NEGATIVE_INFINITY);
  }

  @Test
  void attentionAgreesOverPagesOddHeadsAndFormats() {
    Random random = new Random(9);
    for (CacheFormat format : CacheFormat.values()) {
      for (int headSize : new int[]{1, 2, 6, 15, 16, 18, 32, 34, 97, 128}) {
        KeyValuePages pages = pages(format, 2, headSize, 3 * PAGE_POSITIONS, random);
        for (int rows = Kernels.QUERY_ROWS; rows <= 3 * Kernels.QUERY_ROWS; rows += Kernels.QUERY_ROWS) {
          for (int positions : new int[]{1, 2, 31, 32}) {
            requireSameAttention(pages, rows, positions, random);
          }
        }
      }
    }
  }

  /// Two whole pages, then some positions of a third.
  private static void requireSameAttention(KeyValuePages pages, int rows, int positions, Random random) {
    int headSize = pages.headSize();
    int stride = 3 * PAGE_POSITIONS;
    float[] queries = floats(rows * headSize, random);
    float[] room = new float[pages.pageNumbers()];
    float[] expected = filled(rows * stride);
    float[] found = expected.clone();
    float[] expectedOut = floats(rows * headSize, random);
    float[] foundOut = expectedOut.clone();
    for (int page = 0; page < 3; page++) {
      float[] keys = pages.keys(1, page, room);
      SCALAR.attentionScores(queries, rows, headSize, keys, 0.3f, expected, page, stride);
      new VectorKernels().attentionScores(queries, rows, headSize, keys, 0.3f, found, page, stride);
      float[] values = pages.values(1, page, room);
      int count = page == 2 ? positions : PAGE_POSITIONS;
      SCALAR.attentionValues(expected, page, stride, rows, values, count, expectedOut, headSize);
      new VectorKernels().attentionValues(expected, page, stride, rows, values, count, foundOut, headSize);
    }
    requireSameBits(found, expected, "scores, heads of %d, %d rows", headSize, rows);
    requireSameBits(foundOut, expectedOut, "values, heads of %d, %d rows, %d positions", headSize, rows, positions);
  }

  @Test
  void attentionOfManyRowsIsThatOfEachAlone() {
    Random random = new Random(12);
    int headSize = 34;
    int rows = 2 * Kernels.QUERY_ROWS;
    KeyValuePages pages = pages(CacheFormat.BF16, 1, headSize, PAGE_POSITIONS, random);
    float[] room = new float[pages.pageNumbers()];
    float[] queries = floats(rows * headSize, random);
    float[] together = new float[rows * PAGE_POSITIONS];
    Kernels vector = new VectorKernels();
    vector.attentionScores(queries, rows, headSize, pages.keys(0, 0, room), 1, together, 0, PAGE_POSITIONS);
    for (int row = 0; row < rows; row++) {
      float[] alone = new float[Kernels.QUERY_ROWS * headSize];
      System.arraycopy(queries, row * headSize, alone, 5 * headSize, headSize);
      float[] scores = new float[Kernels.QUERY_ROWS * PAGE_POSITIONS];
      vector.attentionScores(alone, Kernels.QUERY_ROWS, headSize, pages.keys(0, 0, room), 1, scores, 0, PAGE_POSITIONS);
      requireSameBits(Arrays.copyOfRange(scores, 5 * PAGE_POSITIONS, 6 * PAGE_POSITIONS), Arrays.copyOfRange(together,
          row * PAGE_POSITIONS, (row + 1) * PAGE_POSITIONS), "row %d", row);
    }
  }

  @Test
  void rowsThatFillNoTileAreRefused() {
    assertThatThrownBy(() -> new VectorKernels().attentionScores(new float[64], 4, 8, new float[256], 1, new float[256],
        0, PAGE_POSITIONS)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("4 rows");
  }

  @Test
  void theScalarProductIsTheFormula() {
    Random random = new Random(10);
    try (Arena arena = Arena.ofConfined()) {
      TensorView a = tensor(ElementType.BF16, 33, 5, arena, random);
      TensorView b = tensor(ElementType.BF16, 4, 5, arena, random);
      PackedMatrix stacked = PackedMatrix.pack(List.of(a, b), arena);
      float[] x = floats(5, random);
      float[] y = new float[37];
      SCALAR.multiply(stacked, 0, stacked.panels(), SCALAR.rows(x, 1, stacked.columns(), stacked.format()), y, 0, 37);
      for (int row = 0; row < 37; row++) {
        float sum = 0;
        for (int column = 0; column < 5; column++) {
          sum = Math.fma(row < 33 ? a.at(row, column) : b.at(row - 33, column), x[column], sum);
        }
        assertThat(y[row]).isEqualTo(sum);
      }
    }
  }

  @Test
  void tensorsThatDoNotFitTogetherAreNotStacked() {
    Random random = new Random(11);
    try (Arena arena = Arena.ofConfined()) {
      TensorView a = tensor(ElementType.BF16, 2, 5, arena, random);
      assertThatThrownBy(() -> PackedMatrix.pack(List.of(a, tensor(ElementType.BF16, 2, 6, arena, random)), arena))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("(2, 6)");
      assertThatThrownBy(() -> PackedMatrix.pack(List.of(a, tensor(ElementType.F32, 2, 5, arena, random)), arena))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("F32");
    }
  }

  @Test
  void theComparisonSeesASingleBit() {
    assertThatThrownBy(() -> requireSameBits(new float[]{1, Math.nextUp(2f)}, new float[]{1, 2}, "x")).isInstanceOf(
        AssertionError.class);
    assertThatThrownBy(() -> requireSameBits(new float[]{-0f}, new float[]{0f}, "x")).isInstanceOf(
        AssertionError.class);
  }

  private static void requireSameBits(float[] found, float[] expected, String what, Object... arguments) {
    for (int i = 0; i < Math.max(expected.length, found.length); i++) {
      if (Float.floatToIntBits(found[i]) != Float.floatToIntBits(expected[i])) {
        throw new AssertionError("%s: element %d is %s, expected %s".formatted(what.formatted(arguments), i, found[i],
            expected[i]));
      }
    }
  }

  private static float[] filled(int length) {
    float[] values = new float[length];
    Arrays.fill(values, UNTOUCHED);
    return values;
  }

  private static float[] floats(int length, Random random) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static KeyValuePages pages(CacheFormat format, int heads, int headSize, int positions, Random random) {
    KeyValuePages result = new KeyValuePages(format, heads, headSize);
    result.reserve(positions);
    for (int position = 0; position < positions; position++) {
      for (int head = 0; head < heads; head++) {
        result.store(position, head, floats(2 * headSize, random), 0, headSize);
      }
    }
    return result;
  }

  private static PackedMatrix matrix(ElementType type, int rows, int columns, Arena arena, Random random) {
    return PackedMatrix.pack(tensor(type, rows, columns, arena, random), arena);
  }

  private static TensorView tensor(ElementType type, int rows, int columns, Arena arena, Random random) {
    MemorySegment data = arena.allocate((long) rows * columns * type.bytes(), 4);
    for (int i = 0; i < rows * columns; i++) {
      float value = (float) random.nextGaussian();
      switch (type) {
        case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        case BF16 -> data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (Float.floatToIntBits(value) >>> 16));
      }
    }
    return new TensorView("random", type, rows, columns, data);
  }
}
