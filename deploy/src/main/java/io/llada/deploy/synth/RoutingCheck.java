package io.llada.deploy.synth;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.layer.ForwardBatch;
import io.llada.model.layer.KvCache;
import io.llada.model.layer.LayerProbe;
import io.llada.model.layer.SequenceRows;
import io.llada.model.layer.Transformer;
import io.llada.model.layer.TransformerWeights;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;

/// Runs a checkpoint's layers once and counts the experts that a block touches in each: what decides how much a
/// denoising step reads.
public final class RoutingCheck {
  /// Blocks of random tokens before the masked one, as a prompt would be.
  private static final int CONTEXT_BLOCKS = 4;
  /// Independent choices of 8 from 256 by 32 positions touch 163; masked positions of the tiny shape, which one layer of
  /// attention tells apart, 119 to 136; a routing that has collapsed, a handful.
  public static final int FEWEST = 100;
  public static final int MOST = 200;

  private RoutingCheck() {}

  /// Distinct experts of one layer.
  ///
  /// @param layer an MoE layer
  /// @param randomBlock touched by a block of random tokens, the last of the context
  /// @param maskedBlock touched by the block of masks behind it
  public record Touched(int layer, int randomBlock, int maskedBlock) {
    /// Whether both are what a trained model would touch, roughly.
    public boolean isHealthy() {
      return Math.min(randomBlock, maskedBlock) >= FEWEST && Math.max(randomBlock, maskedBlock) <= MOST;
    }
  }

  /// Opens the checkpoint and counts, layer by layer.
  public static List<Touched> run(Path directory, long seed, ComputePool pool) {
    Kernels kernels = Kernels.best();
    try (Checkpoint checkpoint = Checkpoint.open(directory);
        TransformerWeights weights = TransformerWeights.load(
            checkpoint)) {
      ModelConfig config = checkpoint.config();
      int block = config.blockLength();
      int[] ids = ids(config, seed);
      List<Touched> touched = new ArrayList<>();
      SequenceRows rows = new SequenceRows(new KvCache(config, CacheFormat.F32), 0, ids, block, new int[0]);
      new Transformer(weights, new StreamedExperts(checkpoint, kernels, pool), kernels, pool).forward(new ForwardBatch(
          List.of(rows)), new LayerProbe() {
            @Override
            public void routed(int layer, Routing routing) {
              touched.add(new Touched(layer, distinct(routing, (CONTEXT_BLOCKS - 1) * block, block), distinct(routing,
                  CONTEXT_BLOCKS * block, block)));
            }
          });
      return touched;
    }
  }

  private static int[] ids(ModelConfig config, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] ids = new int[(CONTEXT_BLOCKS + 1) * config.blockLength()];
    Arrays.fill(ids, config.maskTokenId());
    for (int i = 0; i < CONTEXT_BLOCKS * config.blockLength(); i++) {
      ids[i] = random.nextInt(config.maskTokenId());
    }
    return ids;
  }

  private static int distinct(Routing routing, int firstRow, int rows) {
    BitSet experts = new BitSet();
    for (int i = firstRow * routing.expertsPerToken(); i < (firstRow + rows) * routing.expertsPerToken(); i++) {
      experts.set(routing.experts()[i]);
    }
    return experts.cardinality();
  }
}
