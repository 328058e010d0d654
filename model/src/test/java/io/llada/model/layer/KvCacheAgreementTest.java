package io.llada.model.layer;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.checkpoint.CheckpointCopy;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.ScalarKernels;
import io.llada.model.kernel.VectorKernels;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A block computed from cached blocks is the block of one full pass, bit for bit: the block-causal mask makes the
/// cache exact.
class KvCacheAgreementTest {
  private static final int BLOCK = 32;
  private static final int[] PROMPTS = {0, 1, 31, 32, 33, 63, 64, 65, 95, 96, 97};

  @TempDir
  Path directory;

  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void aCachedBlockIsTheBlockOfOnePassWhateverThePrefill(CacheFormat format) {
    LocalModel model = LocalModel.load(GoldenFiles.TINY_MODEL, new VectorKernels());
    for (int prompt : PROMPTS) {
      requireAgreement(model, format, prompt);
    }
  }

  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void theScalarTwinAgreesToo(CacheFormat format) {
    LocalModel model = LocalModel.load(GoldenFiles.TINY_MODEL, new ScalarKernels());
    for (int prompt : new int[]{0, 33, 64}) {
      requireAgreement(model, format, prompt);
    }
  }

  /// The block-pool router looks at whole blocks, which is what a prefill by blocks preserves.
  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void aBlockPoolRouterAgreesToo(CacheFormat format) throws IOException {
    CheckpointCopy copy = CheckpointCopy.of(directory);
    copy.changeConfig(config -> config.put("expert_capacity", 6));
    LocalModel model = LocalModel.load(directory, new VectorKernels());
    for (int prompt : PROMPTS) {
      requireAgreement(model, format, prompt);
    }
  }

  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void aPoolEndsWhereABlockEndsAlsoForRowsThatStartInsideOne(CacheFormat format) throws IOException {
    CheckpointCopy copy = CheckpointCopy.of(directory);
    copy.changeConfig(config -> config.put("expert_capacity", 6));
    LocalModel model = LocalModel.load(directory, new VectorKernels());
    KvCache cache = new KvCache(model.config(), format);
    int[] ids = canvas(model, 48, 48);
    forward(model, cache, ids, 0, 16);
    SequenceRows rows = new SequenceRows(cache, 16, Arrays.copyOfRange(ids, 16, 48), BLOCK, new int[0]);
    model.transformer().forward(new ForwardBatch(List.of(rows)), new LayerProbe() {
      @Override
      public void routed(int layer, Routing routing) {
        int half = routing.experts().length / 2;
        assertThat(Arrays.stream(routing.experts(), 0, half).distinct().count()).isLessThanOrEqualTo(6);
        assertThat(Arrays.stream(routing.experts(), half, 2 * half).distinct().count()).isLessThanOrEqualTo(6);
        assertThat(Arrays.stream(routing.experts()).distinct().count()).as("two pools").isGreaterThan(6);
      }
    });
  }

  private static void requireAgreement(LocalModel model, CacheFormat format, int prompt) {
    int cachedBlocks = prompt / BLOCK;
    int[] ids = canvas(model, prompt, (cachedBlocks + 1) * BLOCK);
    float[] full = forward(model, new KvCache(model.config(), format), ids, 0, ids.length);
    int width = model.config().hiddenSize();
    for (int chunkBlocks = 1; chunkBlocks <= Math.max(1, cachedBlocks); chunkBlocks++) {
      KvCache cache = new KvCache(model.config(), format);
      float[] cached = new float[full.length];
      for (int from = 0; from < cachedBlocks * BLOCK; from += chunkBlocks * BLOCK) {
        int to = Math.min(from + chunkBlocks * BLOCK, cachedBlocks * BLOCK);
        float[] rows = forward(model, cache, ids, from, to);
        System.arraycopy(rows, 0, cached, from * width, rows.length);
      }
      float[] last = forward(model, cache, ids, cachedBlocks * BLOCK, ids.length);
      System.arraycopy(last, 0, cached, cachedBlocks * BLOCK * width, last.length);
      assertThat(cached).as("prompt of %d, prefilled %d blocks at a time", prompt, chunkBlocks).containsExactly(full);
    }
  }

  /// The cache of a block must come from a pass with its final tokens; what earlier steps left there is overwritten.
  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void whatDenoisingStepsLeftInTheCacheIsOverwritten(CacheFormat format) {
    LocalModel model = LocalModel.load(GoldenFiles.TINY_MODEL, new VectorKernels());
    int[] ids = canvas(model, 70, 96);
    float[] full = forward(model, new KvCache(model.config(), format), ids, 0, 96);
    KvCache cache = new KvCache(model.config(), format);
    for (int block = 0; block < 3; block++) {
      int[] masked = ids.clone();
      Arrays.fill(masked, block * BLOCK, (block + 1) * BLOCK, model.config().maskTokenId());
      forward(model, cache, masked, block * BLOCK, (block + 1) * BLOCK);
      masked[block * BLOCK + 3] = 77;
      forward(model, cache, masked, block * BLOCK, (block + 1) * BLOCK);
      float[] rows = forward(model, cache, ids, block * BLOCK, (block + 1) * BLOCK);
      int width = BLOCK * model.config().hiddenSize();
      assertThat(rows).as("block %d", block).containsExactly(Arrays.copyOfRange(full, block * width, (block + 1)
          * width));
    }
  }

  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void aStaleCacheWouldBeSeen(CacheFormat format) {
    LocalModel model = LocalModel.load(GoldenFiles.TINY_MODEL, new VectorKernels());
    int[] ids = canvas(model, 40, 64);
    float[] full = forward(model, new KvCache(model.config(), format), ids, 0, 64);
    KvCache cache = new KvCache(model.config(), format);
    int[] other = ids.clone();
    other[5]++;
    forward(model, cache, other, 0, BLOCK);
    assertThat(forward(model, cache, ids, BLOCK, 64)).isNotEqualTo(Arrays.copyOfRange(full, full.length / 2,
        full.length));
  }

  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void aLaterBlockDoesNotChangeAnEarlierOne(CacheFormat format) {
    LocalModel model = LocalModel.load(GoldenFiles.TINY_MODEL, new VectorKernels());
    int[] ids = canvas(model, 64, 96);
    float[] three = forward(model, new KvCache(model.config(), format), ids, 0, 96);
    float[] two = forward(model, new KvCache(model.config(), format), ids, 0, 64);
    assertThat(Arrays.copyOf(three, two.length)).containsExactly(two);
  }

  /// A random prompt, then masks up to `length`.
  private static int[] canvas(LocalModel model, int prompt, int length) {
    Random random = new Random(prompt);
    int[] ids = random.ints(length, 0, model.config().maskTokenId()).toArray();
    Arrays.fill(ids, prompt, length, model.config().maskTokenId());
    return ids;
  }

  /// The final rows of positions `from .. to - 1`.
  private static float[] forward(LocalModel model, KvCache cache, int[] ids, int from, int to) {
    SequenceRows rows = new SequenceRows(cache, from, Arrays.copyOfRange(ids, from, to), BLOCK, IntStream.range(0, to
        - from).toArray());
    return Arrays.copyOf(model.transformer().forward(new ForwardBatch(List.of(rows)), LayerProbe.NONE), (to - from)
        * model.config().hiddenSize());
  }
}
