package io.llada.coordinator.placement;

import io.llada.model.config.MoeConfig;
import io.llada.model.config.ShardId;
import io.llada.model.experts.Routing;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;

/// How many pairs every shard gets beside the others: counted where layers are dispatched, by any thread; read and faded
/// by one.
public final class RoutedPairs {
  /// Pairs per shard from which on counts are more than chance.
  private static final int LEAST_PAIRS = 64;
  /// What a shard with as many pairs as the mean weighs.
  static final long MEAN = 100;
  private static final int MOST_STEPS = 10;

  private final List<ShardId> shards;
  private final MoeConfig moe;
  private final AtomicLongArray counted;
  private final long[] seen;
  private final double[] faded;

  RoutedPairs(ExpertModel model) {
    shards = model.shards();
    moe = model.moe();
    counted = new AtomicLongArray((shards.getLast().layer() + 1) * moe.groups());
    seen = new long[counted.length()];
    faded = new double[counted.length()];
  }

  /// Counts a layer's pairs.
  public void count(int layer, Routing routing) {
    int first = layer * moe.groups();
    for (int expert : routing.experts()) {
      counted.incrementAndGet(first + moe.groupOf(expert));
    }
  }

  /// Adds what was counted since, and lets the rest fade.
  ///
  /// @param passed since the last call
  /// @param halfLife after which pairs count half
  void fade(Duration passed, Duration halfLife) {
    double left = StrictMath.pow(0.5, (double) passed.toNanos() / halfLife.toNanos());
    for (int i = 0; i < seen.length; i++) {
      long now = counted.get(i);
      faded[i] = faded[i] * left + (now - seen[i]);
      seen[i] = now;
    }
  }

  /// Load of every shard in coarse steps, in hundredths of the mean; nothing while too little is known.
  Map<ShardId, Long> load() {
    double mean = shards.stream().mapToDouble(shard -> faded[index(shard)]).average().orElse(0);
    Map<ShardId, Long> load = new HashMap<>();
    for (ShardId shard : mean < LEAST_PAIRS ? List.<ShardId>of() : shards) {
      load.put(shard, inSteps(faded[index(shard)] / mean));
    }
    return load;
  }

  private int index(ShardId shard) {
    return shard.layer() * moe.groups() + shard.group();
  }

  private static long inSteps(double part) {
    long steps = Math.round(StrictMath.log(part) / StrictMath.log(NodeSpeeds.STEP));
    return Math.round(MEAN * StrictMath.pow(NodeSpeeds.STEP, Math.clamp(steps, -MOST_STEPS, MOST_STEPS)));
  }
}
