package io.llada.model.layer;

import io.llada.model.config.ModelConfig;
import io.llada.model.config.MoeConfig;
import io.llada.model.experts.Experts;
import io.llada.model.experts.MissingExperts;
import io.llada.model.experts.Routing;
import io.llada.model.kernel.ComputePool;
import io.llada.model.kernel.Kernels;
import io.llada.model.kernel.Workspace;
import io.llada.model.layer.LayerProbe.Part;
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
  private float[] predicted = new float[0];

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

  /// Which of some missing experts nobody holds even now.
  public MissingExperts stillMissing(MissingExperts missing) {
    return experts.stillMissing(missing);
  }

  /// Runs all layers over the batch and writes the keys and values of its rows to their caches.
  ///
  /// @return the final, normalised rows to predict, `(predicted rows, hiddenSize)`, in batch order; may be longer, and
  ///   lasts until the next pass
  /// @throws io.llada.model.experts.ExpertsUnavailableException when a layer's experts cannot be computed; the batch
  ///   may be run again
  public float[] forward(ForwardBatch batch, LayerProbe probe) {
    Workspace workspace = Workspace.ofThread();
    long mark = workspace.mark();
    try {
      return forward(batch, probe, workspace);
    } finally {
      workspace.release(mark);
    }
  }

  private float[] forward(ForwardBatch batch, LayerProbe probe, Workspace workspace) {
    probe.began(batch);
    probe.workingOn(Part.DENSE);
    List<SequenceRows> sequences = batch.sequences();
    int rows = batch.rows();
    int size = rows * config.hiddenSize();
    float[] hidden = embed(sequences, workspace.floats(Math.multiplyExact(rows, config.hiddenSize())));
    List<QueryTile> tiles = attention.tiles(sequences);
    long mark = workspace.mark();
    for (int layer = 0; layer < config.layers(); layer++) {
      LayerWeights w = weights.layers().get(layer);
      float[] normed = linear.norm(hidden, rows, w.inputNorm(), config.normEpsilon(), workspace);
      linear.add(hidden, attention.forward(layer, w, tiles, normed, rows, probe, workspace), size);
      normed = linear.norm(hidden, rows, w.feedForwardNorm(), config.normEpsilon(), workspace);
      linear.add(hidden, feedForward(layer, w, batch, normed, probe, workspace), size);
      probe.finished(layer, hidden);
      workspace.release(mark);
    }
    return predictedRows(sequences, hidden);
  }

  private float[] embed(List<SequenceRows> sequences, float[] hidden) {
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

  private float[] feedForward(int layer, LayerWeights w, ForwardBatch batch, float[] normed, LayerProbe probe,
      Workspace workspace) {
    int rows = batch.rows();
    if (w.router().isEmpty()) {
      return linear.swiglu(w.always().orElseThrow(), normed, rows, workspace);
    }
    probe.workingOn(Part.ROUTER);
    Routing routing = route(w.router().get(), batch, normed, workspace);
    probe.routed(layer, routing);
    probe.workingOn(Part.DISPATCH);
    Experts.Pending pending = experts.dispatch(layer, normed, routing, batch.omissions());
    probe.workingOn(Part.DENSE);
    // While the routed experts are under way. What they return is added first, the shared expert's rows second.
    int size = rows * config.hiddenSize();
    float[] shared = w.always().isPresent()
        ? linear.swiglu(w.always().get(), normed, rows, workspace)
        : workspace.zeros(size);
    float[] out = workspace.zeros(size);
    probe.workingOn(Part.COMBINE);
    pending.addTo(out);
    probe.workingOn(Part.DENSE);
    linear.add(out, shared, size);
    return out;
  }

  private Routing route(LayerWeights.RouterWeights w, ForwardBatch batch, float[] normed, Workspace workspace) {
    MoeConfig moe = config.moe().orElseThrow();
    float[] logits = linear.apply(w.scores(), normed, batch.rows(), workspace);
    int[] chosen = new int[batch.rows() * moe.expertsPerToken()];
    float[] chosenWeights = new float[chosen.length];
    List<RoutingBlock> blocks = RoutingBlock.of(batch.sequences(), config.blockLength());
    linear.pool().forEach(blocks.size(), Router.OPERATIONS * batch.rows() * moe.experts() / blocks.size(), i -> {
      RoutingBlock block = blocks.get(i);
      router.route(logits, w.bias(), block.start(), block.rows(), chosen, chosenWeights, block.first());
    });
    return new Routing(batch.rows(), moe.expertsPerToken(), chosen, chosenWeights);
  }

  private float[] predictedRows(List<SequenceRows> sequences, float[] hidden) {
    int size = config.hiddenSize();
    int count = 0;
    for (SequenceRows sequence : sequences) {
      count += sequence.predicted().length;
    }
    if (predicted.length < count * size) {
      predicted = new float[count * size];
    }
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
}
