package io.llada.model.layer;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.config.ModelConfig;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.LocalExperts;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/// A whole model in this process, for tests.
record LocalModel(Transformer transformer, LanguageModelHead head) {
  static LocalModel load(Path directory, Kernels kernels) {
    return load(directory, kernels, ActivationType.F32);
  }

  static LocalModel load(Path directory, Kernels kernels, ActivationType activations) {
    Checkpoint checkpoint = Checkpoint.open(directory);
    ComputePool pool = new ComputePool(2);
    TransformerWeights weights = TransformerWeights.load(checkpoint);
    return new LocalModel(new Transformer(weights, LocalExperts.load(checkpoint, activations, kernels, pool), kernels,
        pool), new LanguageModelHead(weights, kernels, pool));
  }

  ModelConfig config() {
    return transformer.config();
  }

  /// Logits of all rows of one sequence without a cache, `(ids, vocabularySize)`.
  float[] logits(int[] ids, LayerProbe probe) {
    int attentionBlock = config().family().isBlockCausal() ? config().blockLength() : ids.length;
    SequenceRows rows = new SequenceRows(new KvCache(config(), CacheFormat.F32), 0, ids, attentionBlock,
        IntStream.range(0, ids.length)
            .toArray());
    return head.logits(transformer.forward(new ForwardBatch(List.of(rows)), probe), ids.length);
  }
}
