package io.llada.model.layer;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.experts.Experts;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.layer.LayerProbe.Part;
import java.util.Arrays;
import java.util.List;

/// The forward pass of all LLaDA families: pre-norm layers without biases and without logit shift (the row at
/// position `i` predicts the token at position `i`).
///
/// One forward pass at a time; not thread-safe.
public final class Transformer {
  private final TransformerWeights weights;
  private final ModelConfig config;
  private final Linear linear;
  private final Attention attention;
  private final Experts experts;
  private final Router router;

  /// @param experts computes the routed experts; not used by dense models
  public Transformer(TransformerWeights weights, Experts experts, Kernels kernels, ComputePool pool) {
    this.weights = weights;
    this.config = weights.config();
    this.linear = new Linear(kernels, pool);
    this.attention = new Attention(config, linear);
    this.experts = experts;
    this.router = config.moe().map(moe -> new Router(moe, config.blockLength(), kernels)).orElse(null);
  }

  public ModelConfig config() {
    return config;
  }

  /// Runs all layers over the batch and writes the keys and values of its rows to their caches.
  ///
  /// @return the final, normalised rows to predict, `(predicted rows, hiddenSize)`, in batch order
  /// @throws io.llada.model.experts.ExpertsUnavailableException when a layer's experts cannot be computed; the batch
  ///   may be run again
  public float[] forward(ForwardBatch batch, LayerProbe probe) {
    probe.began(batch);
    probe.workingOn(Part.DENSE);
    List<SequenceRows> sequences = batch.sequences();
    int rows = batch.rows();
    float[] hidden = embed(sequences, rows); // (rows, hiddenSize)
    List<QueryTile> tiles = attention.tiles(sequences);
    for (int layer = 0; layer < config.layers(); layer++) {
      LayerWeights w = weights.layers().get(layer);
      float[] normed = linear.norm(hidden, w.inputNorm(), config.normEpsilon());
      add(hidden, attention.forward(layer, w, tiles, normed, rows, probe));
      normed = linear.norm(hidden, w.feedForwardNorm(), config.normEpsilon());
      add(hidden, feedForward(layer, w, sequences, normed, probe));
      probe.finished(layer, hidden);
    }
    return predictedRows(sequences, hidden);
  }

  private float[] embed(List<SequenceRows> sequences, int rows) {
    float[] hidden = new float[Math.multiplyExact(rows, config.hiddenSize())];
    int offset = 0;
    for (SequenceRows sequence : sequences) {
      sequence.cache().reserve(sequence.end());
      for (int id : sequence.ids()) {
        weights.embedding().copyRow(id, hidden, offset);
        offset += config.hiddenSize();
      }
    }
    return hidden;
  }

  private float[] feedForward(int layer, LayerWeights w, List<SequenceRows> sequences, float[] normed,
      LayerProbe probe) {
    int rows = normed.length / config.hiddenSize();
    if (w.router().isEmpty()) {
      return linear.swiglu(w.always().orElseThrow(), normed, rows);
    }
    probe.workingOn(Part.ROUTER);
    Routing routing = route(w.router().get(), sequences, normed, rows);
    probe.routed(layer, routing);
    probe.workingOn(Part.DISPATCH);
    Experts.Pending pending = experts.dispatch(layer, normed, routing);
    probe.workingOn(Part.DENSE);
    // While the routed experts are under way. What they return is added first, the shared expert's rows second.
    float[] shared = w.always().map(s -> linear.swiglu(s, normed, rows)).orElse(new float[normed.length]);
    float[] out = new float[normed.length];
    probe.workingOn(Part.COMBINE);
    pending.addTo(out);
    probe.workingOn(Part.DENSE);
    add(out, shared);
    return out;
  }

  private Routing route(LayerWeights.RouterWeights w, List<SequenceRows> sequences, float[] normed, int rows) {
    MoeConfig moe = config.moe().orElseThrow();
    float[] logits = linear.apply(w.scores(), normed, rows);
    int[] chosen = new int[rows * moe.expertsPerToken()];
    float[] chosenWeights = new float[chosen.length];
    int first = 0;
    for (SequenceRows sequence : sequences) {
      int count = sequence.ids().length;
      float[] own = Arrays.copyOfRange(logits, first * moe.experts(), (first + count) * moe.experts());
      router.route(own, w.bias(), sequence.start(), count, chosen, chosenWeights, first * moe.expertsPerToken());
      first += count;
    }
    return new Routing(rows, moe.expertsPerToken(), chosen, chosenWeights);
  }

  private float[] predictedRows(List<SequenceRows> sequences, float[] hidden) {
    int size = config.hiddenSize();
    int count = sequences.stream().mapToInt(s -> s.predicted().length).sum();
    float[] predicted = new float[count * size];
    int first = 0;
    int target = 0;
    for (SequenceRows sequence : sequences) {
      for (int row : sequence.predicted()) {
        linear.kernels().rmsNorm(hidden, (first + row) * size, weights.finalNorm(), config.normEpsilon(), predicted,
            target);
        target += size;
      }
      first += sequence.ids().length;
    }
    return predicted;
  }

  private static void add(float[] x, float[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i];
    }
  }
}
