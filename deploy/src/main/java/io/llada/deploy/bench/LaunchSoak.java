package io.llada.deploy.bench;

import com.sun.management.GarbageCollectionNotificationInfo;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertBatch;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.RandomExperts;
import io.llada.model.kernel.WeightFormat;
import io.llada.model.kernel.opencl.DeviceTuning;
import io.llada.model.kernel.opencl.OpenClDevice;
import io.llada.model.kernel.opencl.OpenClExperts;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.management.ListenerNotFoundException;
import javax.management.NotificationEmitter;
import javax.management.NotificationListener;
import javax.management.openmbean.CompositeData;

/// Many launches from several threads beside a thread that produces garbage: arrays are pinned while kernels run, and
/// neither results nor memory nor the collector may suffer.
public final class LaunchSoak {
  private static final int[] TOKENS = {1, 7, 32, 65};
  private static final int GARBAGE_BYTES = 1 << 18;
  private static final int GARBAGE_KEPT = 256;

  private final OpenClDevice device;
  private final DeviceTuning tuning;

  /// What was found.
  ///
  /// @param launches how many
  /// @param wrong results that differ from the first one of their batch
  /// @param collections of garbage, and the longest pause of one
  /// @param residentAfterWarmUp bytes after the first tenth of the launches
  /// @param residentAtEnd bytes
  /// @param seconds wall time
  public record Result(int launches, int wrong, int collections, long longestPauseMillis, long residentAfterWarmUp,
      long residentAtEnd, double seconds) {}

  public LaunchSoak(OpenClDevice device, DeviceTuning tuning) {
    this.device = device;
    this.tuning = tuning;
  }

  /// Runs until all launches are done.
  public Result run(int launches, int threads) throws InterruptedException, ExecutionException {
    RandomExperts random = new RandomExperts(RandomExperts.shape(32, 4, 4, 128), 512, WeightFormat.INT8, 8, 8);
    AtomicInteger collections = new AtomicInteger();
    AtomicLong longestPause = new AtomicLong();
    NotificationListener listener = (notification, _) -> {
      var info = GarbageCollectionNotificationInfo.from((CompositeData) notification.getUserData());
      if (!info.getGcName().contains("Concurrent")) {
        collections.incrementAndGet();
        longestPause.accumulateAndGet(info.getGcInfo().getDuration(), Math::max);
      }
    };
    List<GarbageCollectorMXBean> collectors = ManagementFactory.getGarbageCollectorMXBeans();
    collectors.forEach(bean -> ((NotificationEmitter) bean).addNotificationListener(listener, null, null));
    try (OpenClExperts experts = new OpenClExperts(device, tuning, random.moe(), random.hiddenSize(), "")) {
      List<ExpertShard> shards = new ArrayList<>();
      for (int group = 0; group < random.moe().groups(); group++) {
        shards.add(experts.load(new ShardId(0, group), random));
      }
      List<ExpertBatch> batches = Arrays.stream(TOKENS).mapToObj(tokens -> random.batch(0, tokens, tokens)).toList();
      List<float[]> expected = batches.stream().map(batch -> experts.compute(batch, shards::get).rows()).toList();
      long start = System.nanoTime();
      int wrong = launch(launches / 10, threads, experts, shards, batches, expected);
      long afterWarmUp = ProcessMemory.residentBytes();
      wrong += launch(launches - launches / 10, threads, experts, shards, batches, expected);
      return new Result(launches, wrong, collections.get(), longestPause.get(), afterWarmUp, ProcessMemory
          .residentBytes(), (System.nanoTime() - start) / 1e9);
    } finally {
      for (GarbageCollectorMXBean bean : collectors) {
        remove((NotificationEmitter) bean, listener);
      }
    }
  }

  private static void remove(NotificationEmitter bean, NotificationListener listener) {
    try {
      bean.removeNotificationListener(listener);
    } catch (ListenerNotFoundException e) {
      throw new IllegalStateException("it was added before", e);
    }
  }

  /// @return wrong results
  private static int launch(int launches, int threads, OpenClExperts experts, List<ExpertShard> shards,
      List<ExpertBatch> batches, List<float[]> expected) throws InterruptedException, ExecutionException {
    AtomicInteger next = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    AtomicBoolean done = new AtomicBoolean();
    try (ExecutorService pool = Executors.newFixedThreadPool(threads + 1)) {
      Future<Integer> garbage = pool.submit(() -> produceGarbage(done));
      List<Future<?>> callers = new ArrayList<>();
      for (int caller = 0; caller < threads; caller++) {
        callers.add(pool.submit(() -> {
          for (int i = next.getAndIncrement(); i < launches; i = next.getAndIncrement()) {
            int which = i % batches.size();
            float[] rows = experts.compute(batches.get(which), shards::get).rows();
            wrong.addAndGet(Arrays.equals(rows, expected.get(which)) ? 0 : 1);
          }
        }));
      }
      try {
        for (Future<?> caller : callers) {
          caller.get();
        }
      } finally {
        done.set(true);
      }
      garbage.get();
    }
    return wrong.get();
  }

  /// Some of it lives for a while, so that collections have to move it.
  private static int produceGarbage(AtomicBoolean done) throws InterruptedException {
    byte[][] kept = new byte[GARBAGE_KEPT][];
    int count = 0;
    while (!done.get()) {
      kept[count++ % GARBAGE_KEPT] = new byte[GARBAGE_BYTES];
      Thread.sleep(0, 100_000);
    }
    return count;
  }
}
