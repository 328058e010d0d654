package io.llada.model.kernel.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.RandomExperts;
import io.llada.model.kernel.WeightFormat;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// Runs in a JVM with `-Dcom.aparapi.enableProfiling=true`: the device itself says that it computed.
class DeviceEventsTest {
  @Test
  void theDeviceReportsWhenItComputed() {
    OpenClDevice device = TestDevice.required();
    RandomExperts random = new RandomExperts(RandomExperts.shape(2, 1, 2, 64), 96, WeightFormat.INT8, 2, 2);
    Assumptions.assumeTrue(KernelRunner.HAS_EVENTS, "this JVM was not started with profiling; another one is");
    try (OpenClExperts experts = new OpenClExperts(device, DeviceTuning.of(device), random.moe(), 96, "")) {
      ExpertShard shard = experts.load(new ShardId(0, 0), random);
      assertThat(experts.lastEvent()).isEmpty();
      ExpertBatch batch = random.batch(0, 7, 1);

      float[] first = experts.compute(batch, _ -> shard).rows();
      KernelRunner.Event one = experts.lastEvent().orElseThrow();
      float[] second = experts.compute(batch, _ -> shard).rows();
      KernelRunner.Event two = experts.lastEvent().orElseThrow();

      assertThat(one.end()).isGreaterThan(one.start());
      assertThat(two.start()).isGreaterThan(one.end());
      assertThat(two.end()).isGreaterThan(two.start());
      assertThat(second).isEqualTo(first);
    }
  }
}
