package io.llada.coordinator.denoising;

import io.llada.model.checkpoint.Checkpoint;
import io.llada.model.experts.ActivationType;
import io.llada.model.experts.Experts;
import io.llada.model.experts.LocalExperts;
import io.llada.model.kernel.CacheFormat;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.layer.LanguageModelHead;
import io.llada.model.layer.LayerProbe;
import io.llada.model.layer.Transformer;
import io.llada.model.layer.TransformerWeights;
import java.nio.file.Path;

/// Denoisers over real checkpoints.
final class TestModel {
  private TestModel() {}

  static Denoiser local(Path directory, Kernels kernels, ActivationType activations) {
    Checkpoint checkpoint = Checkpoint.open(directory);
    ComputePool pool = new ComputePool(2);
    return over(checkpoint, LocalExperts.load(checkpoint, activations, kernels, pool), kernels, pool);
  }

  static Denoiser over(Checkpoint checkpoint, Experts experts, Kernels kernels, ComputePool pool) {
    TransformerWeights weights = TransformerWeights.load(checkpoint);
    return new Denoiser(new Transformer(weights, experts, kernels, pool), new LanguageModelHead(weights, kernels, pool),
        CacheFormat.F32, LayerProbe.NONE);
  }
}
