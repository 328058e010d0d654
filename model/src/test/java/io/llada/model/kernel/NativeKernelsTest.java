package io.llada.model.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.llada.model.tensor.ElementType;
import io.llada.model.tensor.TensorView;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Native kernels against the scalar specification, bit for bit, in every variant that this processor runs.
class NativeKernelsTest {
  private static final Kernels SCALAR = new ScalarKernels();
  private static final float UNTOUCHED = 12345f;
  private static final int[] ROWS = {1, 31, 32, 33, 97};
  private static final int[] WHOLE_GROUPS = {32, 64, 160, 2080};
  private static final int[] ANY_COLUMNS = {1, 2, 37, 160, 515};
  private static final int[] TOKENS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 32, 33, 100};

  /// What the C code can be compiled to.
  enum Variant {
    THIS_PROCESSOR("", NativeLibrary.optionsOfThisProcessor()), AVX512("avx512f avx512bw avx512_vnni",
        List.of("-march=x86-64-v3", "-mavx512f", "-mavx512bw", "-mavx512vnni")), AVX_VNNI("avx2 fma avx_vnni",
            List.of("-march=x86-64-v3", "-mavxvnni")), AVX2("avx2 fma",
                List.of("-march=x86-64-v3")), PLAIN("", List.of());

    private final Set<String> needs;
    private final List<String> options;

    Variant(String needs, List<String> options) {
      this.needs = needs.isEmpty() ? Set.of() : Set.of(needs.split(" "));
      this.options = options;
    }

    NativeKernels compile() throws IOException {
      assumeCompiler();
      assumeTrue(needs.isEmpty() || processor().containsAll(needs), "this processor lacks one of " + needs);
      return new NativeKernels(NativeLibrary.compile(NativeLibrary.COMPILERS, options));
    }

    private static List<String> processor() throws IOException {
      Path told = Path.of("/proc/cpuinfo");
      return Files.exists(told)
          ? Files.readAllLines(told).stream().filter(line -> line.startsWith("flags")).findFirst().map(line -> List.of(
              line.split("\\s+"))).orElse(List.of())
          : List.of();
    }
  }

  private static void assumeCompiler() {
    assumeTrue(Arrays.stream(System.getenv("PATH").split(":")).anyMatch(folder -> NativeLibrary.COMPILERS.stream()
        .anyMatch(compiler -> Files.isExecutable(Path.of(folder, compiler)))), "no C compiler on this machine");
  }

  @ParameterizedTest
  @EnumSource
  void everyVariantGivesTheScalarBits(Variant variant) throws IOException {
    NativeKernels kernels = variant.compile();
    Random random = new Random(1);
    for (WeightFormat format : WeightFormat.values()) {
      for (int rows : ROWS) {
        for (int columns : format.isQuantised() ? WHOLE_GROUPS : ANY_COLUMNS) {
          for (int tokens : TOKENS) {
            requireSameProduct(kernels, format, rows, columns, tokens, random, 1);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void extremesNeitherOverflowNorDiffer(Variant variant) throws IOException {
    NativeKernels kernels = variant.compile();
    for (WeightFormat format : WeightFormat.values()) {
      for (float spread : new float[]{1e30f, 1e-30f, 1e-44f, 0, Float.POSITIVE_INFINITY, Float.NaN}) {
        requireSameProduct(kernels, format, 64, 256, 13, new Random(2), spread);
      }
      try (Arena arena = Arena.ofConfined()) {
        for (float sign : new float[]{1, -1}) {
          // Every weight and every activation at its limit, all of one sign.
          float[] weights = new float[32 * 64];
          Arrays.fill(weights, -8f);
          float[] x = new float[64];
          Arrays.fill(x, 3f * sign);
          requireSameProduct(kernels, PackedMatrix.pack(List.of(tensor(32, 64, weights, arena)), format, arena), x, 1,
              "limits");
        }
      }
    }
  }

  private static void requireSameProduct(Kernels kernels, WeightFormat format, int rows, int columns, int tokens,
      Random random, float spread) {
    try (Arena arena = Arena.ofConfined()) {
      PackedMatrix w = random(format, rows, columns, arena, random);
      float[] x = floats(tokens * columns, random);
      // The extremes are among other values, and not in every token.
      for (int i = 0; i < x.length; i += spread == 1 ? 1 : 3) {
        x[i] *= spread;
      }
      requireSameProduct(kernels, w, x, tokens, "spread " + spread);
    }
  }

  private static void requireSameProduct(Kernels kernels, PackedMatrix w, float[] x, int tokens, String what) {
    // Room around the result shows a kernel that writes where it must not.
    int yOffset = tokens % 4;
    int stride = w.rows() + yOffset + w.rows() % 3;
    float[] expected = new float[tokens * stride];
    Arrays.fill(expected, UNTOUCHED);
    float[] found = expected.clone();
    SCALAR.multiply(w, 0, w.panels(), SCALAR.rows(x, tokens, w.columns(), w.format()), expected, yOffset, stride);
    kernels.multiply(w, 0, w.panels(), kernels.rows(x, tokens, w.columns(), w.format()), found, yOffset, stride);
    requireSameBits(found, expected, "%s (%d, %d), %d tokens, %s".formatted(w.format(), w.rows(), w.columns(), tokens,
        what));
  }

  private static void requireSameBits(float[] found, float[] expected, String what) {
    for (int i = 0; i < expected.length; i++) {
      if (Float.floatToIntBits(found[i]) != Float.floatToIntBits(expected[i])) {
        throw new AssertionError("%s: element %d is %s, expected %s".formatted(what, i, found[i], expected[i]));
      }
    }
  }

  @Test
  void theComparisonSeesASingleBit() {
    assertThatThrownBy(() -> requireSameBits(new float[]{Math.nextUp(2f)}, new float[]{2}, "x")).isInstanceOf(
        AssertionError.class);
  }

  @Test
  void runsOfPanelsAndGatheredRowsGiveTheSameRowsAsTheWhole() throws IOException {
    NativeKernels kernels = Variant.THIS_PROCESSOR.compile();
    Random random = new Random(3);
    try (Arena arena = Arena.ofConfined()) {
      for (WeightFormat format : WeightFormat.values()) {
        PackedMatrix w = random(format, 101, 96, arena, random);
        float[] x = floats(70 * 96, random);
        float[] whole = new float[70 * w.rows()];
        TokenRows rows = kernels.rows(x, 70, 96, format);
        kernels.multiply(w, 0, w.panels(), rows, whole, 0, w.rows());
        int[] picked = {69, 0, 3, 3};
        float[] part = new float[picked.length * 64];
        kernels.multiply(w, 1, 3, rows.gather(picked, picked.length, new Workspace()), part, 0, 64);
        for (int i = 0; i < picked.length; i++) {
          int from = picked[i] * w.rows() + 32;
          requireSameBits(Arrays.copyOfRange(part, i * 64, (i + 1) * 64), Arrays.copyOfRange(whole, from, from + 64),
              "token " + picked[i]);
        }
      }
    }
  }

  @Test
  void nothingIsCalledWithArgumentsThatDoNotFit() throws IOException {
    NativeKernels kernels = Variant.THIS_PROCESSOR.compile();
    try (Arena arena = Arena.ofConfined()) {
      PackedMatrix w = random(WeightFormat.INT8, 40, 64, arena, new Random(5));
      TokenRows rows = kernels.rows(new float[3 * 64], 3, 64, WeightFormat.INT8);
      assertThatThrownBy(() -> kernels.multiply(w, 0, 2, rows, new float[119], 0, 40)).isInstanceOf(
          IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> kernels.multiply(w, 0, 3, rows, new float[200], 0, 40)).isInstanceOf(
          IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> kernels.multiply(w, 0, 2, rows, new float[200], 1, 40)).isInstanceOf(
          IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> kernels.rows(new float[3 * 64 - 1], 3, 64, WeightFormat.INT8)).isInstanceOf(
          IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> kernels.rows(new float[3 * 33], 3, 33, WeightFormat.INT8)).hasMessageContaining("33");
      TokenRows narrow = kernels.rows(new float[32], 1, 32, WeightFormat.INT8);
      assertThatThrownBy(() -> kernels.multiply(w, 0, 2, narrow, new float[200], 0, 40)).hasMessageContaining("32");
      PackedMatrix floats = random(WeightFormat.BF16, 40, 64, arena, new Random(5));
      assertThatThrownBy(() -> kernels.multiply(floats, 0, 2, rows, new float[200], 0, 40)).hasMessageContaining(
          "recorded for native kernels");
      TokenRows tooFew = new TokenRows(3, 64, new float[3 * 64 - 1]);
      assertThatThrownBy(() -> kernels.multiply(floats, 0, 2, tooFew, new float[200], 0, 40)).isInstanceOf(
          IndexOutOfBoundsException.class);
      TokenRows plain = new VectorKernels().rows(new float[64], 1, 64, WeightFormat.INT8);
      assertThatThrownBy(() -> kernels.multiply(w, 0, 2, plain, new float[200], 0, 40)).hasMessageContaining("rounded");
      for (Kernels java : List.of(new ScalarKernels(), new VectorKernels())) {
        assertThatThrownBy(() -> java.multiply(w, 0, 2, rows, new float[200], 0, 40)).hasMessageContaining(
            "recorded for native kernels");
      }
    }
  }

  @Test
  void theSpeedOfTheDotProductIsToldByTheNativeKernelsAlone() throws IOException {
    NativeKernels kernels = Variant.THIS_PROCESSOR.compile();
    try (ComputePool pool = new ComputePool(2)) {
      assertThat(kernels.integerOperationsPerSecond(pool).orElseThrow()).isGreaterThan(1e6);
      assertThat(new VectorKernels().integerOperationsPerSecond(pool)).isEmpty();
    }
  }

  @Test
  void aMachineWithoutACompilerIsToldWhatToDo() {
    assertThatThrownBy(() -> NativeLibrary.compile(List.of("no-such-compiler", "nor-this-one"), List.of()))
        .isInstanceOf(KernelsUnavailableException.class).hasMessageContaining("no-such-compiler, nor-this-one")
        .hasMessageContaining("--kernels java").hasMessageContaining("install");
  }

  @Test
  void aCompilerThatRefusesIsQuoted() {
    assumeCompiler();
    assertThatThrownBy(() -> NativeLibrary.compile(NativeLibrary.COMPILERS, List.of("-march=no-such-processor")))
        .isInstanceOf(KernelsUnavailableException.class).hasMessageContaining("could not compile")
        .hasMessageContaining("no-such-processor").hasMessageContaining("--kernels java");
  }

  @Test
  void aCompilerThatWritesNoLibraryIsNotTrusted(@TempDir Path folder) throws IOException {
    Path compiler = folder.resolve("writes-nothing");
    Files.writeString(compiler, "#!/bin/sh\n");
    Files.setPosixFilePermissions(compiler, PosixFilePermissions.fromString("rwx------"));
    assertThatThrownBy(() -> NativeLibrary.compile(List.of(compiler.toString()), List.of())).isInstanceOf(
        KernelsUnavailableException.class).hasMessageContaining("cannot be loaded").hasMessageContaining(
            "--kernels java");
  }

  private static PackedMatrix random(WeightFormat format, int rows, int columns, Arena arena, Random random) {
    float[] values = floats(rows * columns, random);
    return PackedMatrix.pack(List.of(tensor(rows, columns, values, arena)), format, arena);
  }

  private static float[] floats(int length, Random random) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static TensorView tensor(int rows, int columns, float[] values, Arena arena) {
    MemorySegment data = arena.allocate((long) rows * columns * Float.BYTES, 4);
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
    return new TensorView("random", ElementType.F32, rows, columns, data);
  }
}
