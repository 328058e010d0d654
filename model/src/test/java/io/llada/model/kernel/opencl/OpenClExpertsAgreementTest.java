package io.llada.model.kernel.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertFeedForward;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.PartialSums;
import io.llada.model.experts.RandomExperts;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.LargePages;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import io.llada.model.kernel.WeightFormat;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// A device computes what the scalar kernels write down.
class OpenClExpertsAgreementTest {
  private static final double TOLERANCE = 1e-5;
  private static final int[] TOKENS = {1, 31, 32, 33};

  private final OpenClDevice device = TestDevice.required();
  private final DeviceTuning tuning = DeviceTuning.of(device);

  /// Random experts here and on the device.
  private record Twins(RandomExperts random, OpenClExperts experts, List<ExpertShard> onDevice,
      List<ExpertShard> onProcessor, Arena arena) implements AutoCloseable {
    static Twins of(OpenClDevice device, DeviceTuning tuning, RandomExperts random) {
      OpenClExperts experts = new OpenClExperts(device, tuning, random.moe(), random.hiddenSize(), "");
      Arena arena = Arena.ofShared();
      List<ExpertShard> onDevice = new ArrayList<>();
      List<ExpertShard> onProcessor = new ArrayList<>();
      for (int group = 0; group < random.moe().groups(); group++) {
        onDevice.add(experts.load(new ShardId(1, group), random));
        onProcessor.add(random.load(new ShardId(1, group), LargePages.in(arena), () -> {}));
      }
      return new Twins(random, experts, onDevice, onProcessor, arena);
    }

    PartialSums compute(ExpertBatch batch) {
      return experts.compute(batch, onDevice::get);
    }

    PartialSums expected(ExpertBatch batch, Kernels kernels) {
      try (ComputePool pool = ComputePool.ofAllCores()) {
        return new ExpertFeedForward(random.moe(), random.hiddenSize(), kernels, pool).compute(batch, onProcessor::get);
      }
    }

    @Override
    public void close() {
      experts.close();
      arena.close();
    }
  }

  private void assertAgreement(Twins twins, ExpertBatch batch, Kernels kernels) {
    PartialSums expected = twins.expected(batch, kernels);
    PartialSums found = twins.compute(batch);
    assertThat(found.token()).isEqualTo(expected.token());
    assertThat(found.group()).isEqualTo(expected.group());
    assertThat(relativeError(expected.rows(), found.rows())).isLessThan(TOLERANCE);
    if (device.type() == OpenClDevice.Type.CPU) {
      assertThat(found.rows()).as("bits on a processor, %d tokens", batch.tokens()).isEqualTo(expected.rows());
    }
  }

  private static double relativeError(float[] expected, float[] found) {
    double error = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      error += Math.pow((double) expected[i] - found[i], 2);
      size += Math.pow(expected[i], 2);
    }
    return Math.sqrt(error / size);
  }

  @Test
  void theToleranceNoticesOneWrongElement() {
    float[] expected = {1, 2, 3, 4};
    float[] wrong = {1, 2, 3, 4.001f};

    assertThat(relativeError(expected, expected)).isZero();
    assertThat(relativeError(expected, wrong)).isGreaterThan(TOLERANCE);
  }

  @ParameterizedTest
  @CsvSource({"F32,32,32", "F32,40,21", "F32,33,1024", "BF16,32,32", "BF16,40,21", "BF16,4096,32", "INT8,32,32",
      "INT8,96,160", "INT8,64,1024", "INT4,32,32", "INT4,96,160", "INT4,4096,32"})
  void awkwardShapesAgreeWithTheScalarTwin(WeightFormat format, int hiddenSize, int width) {
    for (int experts : new int[]{1, 3, 8}) {
      RandomExperts random = new RandomExperts(RandomExperts.shape(experts, 1, Math.min(experts, 2), width), hiddenSize,
          format, experts, experts);
      try (Twins twins = Twins.of(device, tuning, random)) {
        for (int tokens : TOKENS) {
          assertAgreement(twins, random.batch(1, tokens, tokens), new ScalarKernels());
        }
      }
    }
  }

  @Test
  void theLargestShapeAgrees() {
    RandomExperts random = new RandomExperts(RandomExperts.shape(8, 4, 4, 1024), 4096,
        WeightFormat.INT8, 1, 2);
    try (Twins twins = Twins.of(device, tuning, random)) {
      assertAgreement(twins, random.batch(1, 33, 5), new VectorKernels());
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyTuningGivesTheSameBits(WeightFormat format) {
    RandomExperts random = new RandomExperts(RandomExperts.shape(4, 2, 2, 64), 160, format, 4, 2);
    ExpertBatch batch = random.batch(1, 45, 5);
    List<float[]> results = new ArrayList<>();
    for (String settings : List.of("lanes=16,groupSize=1,tile=4", "lanes=16,groupSize=1,tile=8,groups=3",
        "lanes=1,groupSize=16,groups=2,layers=5")) {
      try (Twins twins = Twins.of(device, tuning.with(settings), random)) {
        results.add(twins.compute(batch).rows());
      }
    }
    assertThat(results).allSatisfy(rows -> assertThat(rows).isEqualTo(results.getFirst()));
  }

  @ParameterizedTest
  @EnumSource
  void aTokenHasTheSameBitsAloneAndInCompany(WeightFormat format) {
    RandomExperts random = new RandomExperts(RandomExperts.shape(8, 2, 3, 96), 64, format, 8, 4);
    ExpertBatch company = random.batch(1, 21, 5);
    try (Twins twins = Twins.of(device, tuning, random)) {
      PartialSums all = twins.compute(company);
      for (int sum = 0; sum < all.count(); sum++) {
        PartialSums alone = twins.compute(only(company, random, all.token()[sum], all.group()[sum]));
        assertThat(alone.rows()).isEqualTo(Arrays.copyOfRange(all.rows(), sum * 64, (sum + 1) * 64));
      }
    }
  }

  /// The pairs of one token in one group, as a batch of one row.
  private static ExpertBatch only(ExpertBatch company, RandomExperts random, int token, int group) {
    int[] pairs = IntStream.range(0, company.pairs()).filter(pair -> company.pairToken()[pair] == token && random.moe()
        .groupOf(company.pairExpert()[pair]) == group).toArray();
    float[] weights = new float[pairs.length];
    for (int i = 0; i < pairs.length; i++) {
      weights[i] = company.pairWeight()[pairs[i]];
    }
    int hiddenSize = random.hiddenSize();
    return new ExpertBatch(company.layer(), 1, Arrays.copyOfRange(company.rows(), token * hiddenSize, (token + 1)
        * hiddenSize), new int[pairs.length], Arrays.stream(pairs).map(pair -> company.pairExpert()[pair]).toArray(),
        weights);
  }

  @ParameterizedTest
  @EnumSource
  void aProcessorBelongsToTheKernelsNumericsClass(WeightFormat format) {
    String numerics = NumericsProbe.classOf(device, tuning, RandomExperts.shape(8, 1, 2, 64), 96, format,
        new VectorKernels());

    if (device.type() == OpenClDevice.Type.CPU) {
      assertThat(numerics).isEqualTo(new VectorKernels().numericsClass());
    } else {
      assertThat(numerics).isIn(new VectorKernels().numericsClass(), "opencl-" + device.name() + "-" + device.driver());
    }
  }
}
