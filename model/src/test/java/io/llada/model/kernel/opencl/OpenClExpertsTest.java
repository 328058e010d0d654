package io.llada.model.kernel.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.aparapi.Range;
import io.llada.model.config.ShardId;
import io.llada.model.experts.DeviceException;
import io.llada.model.experts.DeviceException.Reason;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.RandomExperts;
import io.llada.model.experts.ShardWeights;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.kernel.opencl.KernelArgument.Transfer;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/// Loading, unloading, failing.
class OpenClExpertsTest {
  private static final RandomExperts RANDOM = new RandomExperts(RandomExperts.shape(8, 4, 3, 64), 96, WeightFormat.INT8,
      8, 2);

  private final OpenClDevice device = TestDevice.required();
  private final DeviceTuning tuning = DeviceTuning.of(device);

  private OpenClExperts experts(DeviceTuning chosen) {
    return new OpenClExperts(device, chosen, RANDOM.moe(), RANDOM.hiddenSize(), "");
  }

  private static List<ExpertShard> load(OpenClExperts experts, int layer) {
    List<ExpertShard> shards = new ArrayList<>();
    for (int group = 0; group < RANDOM.moe().groups(); group++) {
      shards.add(experts.load(new ShardId(layer, group), RANDOM));
    }
    return shards;
  }

  @Test
  void shardsComeAndGoWithoutDisturbingTheOthers() {
    try (OpenClExperts experts = experts(tuning.with("layers=2"))) {
      List<ExpertShard> second = load(experts, 2);
      List<ExpertShard> third = load(experts, 3);
      ExpertBatch batch = RANDOM.batch(2, 9, 1);
      float[] before = experts.compute(batch, second::get).rows();

      third.forEach(ExpertShard::close);
      assertThat(experts.compute(batch, second::get).rows()).isEqualTo(before);

      second.getFirst().close();
      second.set(0, experts.load(new ShardId(2, 0), RANDOM));
      assertThat(experts.compute(batch, second::get).rows()).isEqualTo(before);
      assertThat(experts.compute(RANDOM.batch(3, 9, 1), load(experts, 3)::get).rows()).isEqualTo(before);
    }
  }

  @Test
  void aShardLoadedAgainWhileTheOldOneIsLentStaysWhenTheOldOneGoes() {
    try (OpenClExperts experts = experts(tuning)) {
      List<ExpertShard> old = load(experts, 2);
      ExpertBatch batch = RANDOM.batch(2, 9, 1);
      float[] before = experts.compute(batch, old::get).rows();

      List<ExpertShard> fresh = load(experts, 2);
      assertThat(experts.compute(batch, old::get).rows()).isEqualTo(before);
      assertThat(experts.compute(batch, fresh::get).rows()).isEqualTo(before);
      old.forEach(ExpertShard::close);
      assertThat(experts.compute(batch, fresh::get).rows()).isEqualTo(before);
    }
  }

  @Test
  void anEmptyBatchHasNoSums() {
    try (OpenClExperts experts = experts(tuning)) {
      assertThat(experts.compute(RANDOM.batch(0, 0, 1), _ -> null).count()).isZero();
    }
  }

  @Test
  void aShardTooLargeForAnArrayIsRefusedByNameAndSizeBeforeItIsRead() {
    ShardWeights huge = new ShardWeights() {
      @Override
      public long shardBytes(ShardId id) {
        return 1L << 32;
      }

      @Override
      public ExpertShard load(ShardId id, SegmentAllocator memory, Runnable release) {
        throw new AssertionError("it was read");
      }
    };
    try (OpenClExperts experts = new OpenClExperts(device, tuning, RANDOM.moe(), RANDOM.hiddenSize(), "")) {
      assertThatThrownBy(() -> experts.load(new ShardId(7, 3), huge)).isInstanceOf(DeviceException.class)
          .hasMessageContaining(
              "layer 7")
          .hasMessageContaining("4294967296").extracting(e -> ((DeviceException) e).reason()).isEqualTo(
              Reason.OUT_OF_MEMORY);
    }
  }

  @Test
  void sourceThatDoesNotCompileIsRefused() {
    assertThatThrownBy(() -> new KernelRunner(device, "kernel void run(global int* a, int passid) { a[0] = nothing; }",
        List.of(new KernelArgument("a", Transfer.ONCE, new int[1])))).isInstanceOf(DeviceException.class)
        .hasMessageContaining(device.name()).extracting(e -> ((DeviceException) e).reason()).isEqualTo(
            Reason.BUILD_FAILED);
  }

  @Test
  void aLaunchWithMissingArgumentsFails() {
    try (KernelRunner runner = new KernelRunner(device, "kernel void run(global int* a, global int* b, int passid) {}",
        List.of(new KernelArgument("a", Transfer.ONCE, new int[1])))) {
      assertThatThrownBy(() -> runner.launch(1, 1, 1, false)).isInstanceOf(DeviceException.class).extracting(
          e -> ((DeviceException) e).reason()).isEqualTo(Reason.LAUNCH_FAILED);
    }
  }

  @Test
  void aKernelOfOursRunsOnTheDevice() {
    int[] numbers = {1, 2, 3, 4};
    try (KernelRunner runner = new KernelRunner(device,
        "kernel void run(global int* a, int passid) { a[get_global_id(0)] += 10 * passid; }", List.of(
            new KernelArgument("a", Transfer.TO_AND_FROM, numbers)))) {
      runner.launch(4, 1, 3, false);
    }
    assertThat(numbers).containsExactly(31, 32, 33, 34);
  }

  @Test
  void aDeviceIsChosenByIndexOrName() {
    assertThat(OpenClDevices.choose(Integer.toString(device.index())).name()).isEqualTo(device.name());
    assertThat(OpenClDevices.choose(device.name().substring(1, 5)).index()).isZero();
    assertThatThrownBy(() -> OpenClDevices.choose("no such device")).isInstanceOf(DeviceException.class)
        .hasMessageContaining(device.label());
  }

  @Test
  void whatCannotBeTunedIsRefused() {
    assertThat(tuning.with("tile=8").tile()).isEqualTo(8);
    for (String wrong : List.of("tile=3", "lanes=2", "speed=9", "tile", "groups=0", "lanes=1,groupSize=10")) {
      assertThatThrownBy(() -> tuning.with(wrong)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void javaTranslatedByAparapiRunsOnTheDeviceOrNotAtAll() {
    float[] weights = {0.1f, 1f / 3, -2.7f};
    int columns = 70;
    float[] rows = RANDOM.batch(0, 3, 9).rows();
    rows = Arrays.copyOf(rows, 3 * columns);
    float[] expected = new float[columns];
    for (int column = 0; column < columns; column++) {
      for (int row = 0; row < 3; row++) {
        // Aparapi's own fma, on Java threads, multiplies and adds: other bits.
        expected[column] = Math.fma(weights[row], rows[row * columns + column], expected[column]);
      }
    }
    assertThat(new WeightedSum(device).of(weights, rows, columns)).isEqualTo(expected);

    Untranslatable untranslatable = new Untranslatable();
    assertThatThrownBy(() -> untranslatable.execute(Range.create(device.handle(), 4)))
        .isInstanceOf(DeviceException.class).hasMessageContaining("Untranslatable");
    assertThat(untranslatable.numbers).containsOnly(0);
  }

  /// Aparapi does not translate a switch.
  static final class Untranslatable extends DeviceKernel {
    final int[] numbers = new int[4];

    @Override
    public void run() {
      switch (getGlobalId()) {
        case 0 -> numbers[0] = 5;
        case 1 -> numbers[1] = 6;
        case 2 -> numbers[2] = 7;
        default -> numbers[3] = 8;
      }
    }
  }

  @Test
  void fourThreadsBesideGarbageGetRightResults() throws Exception {
    AtomicBoolean done = new AtomicBoolean();
    try (OpenClExperts experts = experts(tuning); ExecutorService threads = Executors.newFixedThreadPool(5)) {
      List<ExpertShard> shards = load(experts, 1);
      List<ExpertBatch> batches = new ArrayList<>();
      List<float[]> expected = new ArrayList<>();
      for (int tokens : new int[]{1, 5, 33, 130}) {
        batches.add(RANDOM.batch(1, tokens, tokens));
        expected.add(experts.compute(batches.getLast(), shards::get).rows());
      }
      Future<Long> garbage = threads.submit(() -> {
        long sum = 0;
        while (!done.get()) {
          sum += new byte[100_000].length;
        }
        return sum;
      });
      List<Callable<Integer>> callers = new ArrayList<>();
      for (int caller = 0; caller < 4; caller++) {
        int first = caller;
        callers.add(() -> {
          int wrong = 0;
          for (int launch = 0; launch < 100; launch++) {
            int which = (first + launch) % batches.size();
            wrong += Arrays.equals(experts.compute(batches.get(which), shards::get).rows(), expected.get(
                which)) ? 0 : 1;
          }
          return wrong;
        });
      }
      for (Future<Integer> wrong : threads.invokeAll(callers, 2, TimeUnit.MINUTES)) {
        assertThat(wrong.get()).isZero();
      }
      done.set(true);
      assertThat(garbage.get(10, TimeUnit.SECONDS)).isPositive();
    }
  }
}
