package io.llada.model.layer;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.LocalExperts;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.unmasking.Sampling;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A denoising step allocates next to nothing once it is compiled and its workspaces have grown. Bytes are counted, not
/// time: a busy machine only takes longer to get there.
class AllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int ROWS = 32;
  /// What is left: routings and pairs (20 bytes a pair, layer by layer), predictions, jobs of the pool, descriptions of
  /// rows and tiles. None of it grows with the hidden size; the activations of a pass are 2.8 MB.
  private static final long MOST_BYTES = 32 << 10;
  private static final int PASSES_PER_ROUND = 50;
  /// Until the vector code is compiled, each of its numbers is an object.
  private static final int MOST_ROUNDS = 120;

  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void aStepAllocatesNextToNothing(CacheFormat format) {
    try (Checkpoint checkpoint = Checkpoint.open(GoldenFiles.TINY_MODEL); ComputePool pool = new ComputePool(2)) {
      Kernels kernels = Kernels.best();
      TransformerWeights weights = TransformerWeights.load(checkpoint);
      Transformer transformer = new Transformer(weights, LocalExperts.load(checkpoint, ActivationType.F32, kernels,
          pool), kernels, pool);
      LanguageModelHead head = new LanguageModelHead(weights, kernels, pool);
      ForwardBatch batch = batch(checkpoint.config(), format);
      List<RowSampling> sampling = IntStream.range(0, ROWS).mapToObj(row -> new RowSampling(Sampling.GREEDY, row, 0))
          .toList();
      long least = Long.MAX_VALUE;
      for (int round = 0; round < MOST_ROUNDS && least > MOST_BYTES; round++) {
        long before = allocated();
        for (int pass = 0; pass < PASSES_PER_ROUND; pass++) {
          head.predict(transformer.forward(batch, LayerProbe.NONE), sampling);
        }
        least = Math.min(least, (allocated() - before) / PASSES_PER_ROUND);
      }
      assertThat(least).as("bytes per step").isPositive().isLessThanOrEqualTo(MOST_BYTES);
    }
  }

  private static ForwardBatch batch(ModelConfig config, CacheFormat format) {
    int[] ids = new Random(1).ints(ROWS, 0, config.maskTokenId()).toArray();
    return new ForwardBatch(List.of(new SequenceRows(new KvCache(config, format), 3 * ROWS, ids, ROWS, IntStream.range(
        0, ROWS).toArray())));
  }

  /// Bytes this thread and the computing ones have allocated so far.
  private static long allocated() {
    return Arrays.stream(THREADS.getThreadInfo(THREADS.getAllThreadIds())).filter(thread -> thread != null && (thread
        .getThreadName().startsWith("compute-") || thread.getThreadId() == Thread.currentThread().threadId()))
        .mapToLong(
            thread -> THREADS.getThreadAllocatedBytes(thread.getThreadId()))
        .sum();
  }
}
