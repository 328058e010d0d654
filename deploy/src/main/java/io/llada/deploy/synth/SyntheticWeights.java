package io.llada.deploy.synth;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// How each tensor of a synthetic checkpoint is filled. Thread-safe.
///
/// Random matrices keep the width of what goes through them, so a residual stream of naive random layers is soon the
/// same for all positions, and with it the choice of experts: a handful is left. Three things keep the routing as wide
/// as a trained model's. Branches are damped against the residual stream, so that a position stays what its token made
/// it. The mask's embedding is small, so that masked positions, which share it, are told apart by what they attend. And
/// attention looks at distances: head norms favour the dimensions that turn fast with the position, so that each
/// position attends others than its neighbour.
final class SyntheticWeights {
  /// Of attention's and the feed-forward networks' outputs.
  private static final float DAMPING = 0.3f;
  private static final float MASK_DEVIATION = 0.02f;
  private static final float LOGIT_DEVIATION = 2;
  /// Weight of a head norm on fast dimensions; scores have about its square as deviation.
  private static final float FAST_NORM = 5;
  private static final float SLOW_NORM = 0.5f;
  /// Share of the rotated dimensions that count as fast.
  private static final double FAST_SHARE = 0.25;

  private final SyntheticShape shape;
  private final long seed;
  private final Map<Float, NormalNumbers> numbers = new ConcurrentHashMap<>();

  /// A run of elements that are filled alike.
  ///
  /// @param count a multiple of [NormalNumbers#PER_DRAW]
  record Run(long count, Filling filling) {}

  /// What elements are filled with.
  sealed interface Filling {
    /// Numbers of a stream, by place in the tensor.
    record Random(NormalNumbers numbers, long stream) implements Filling {}

    /// These values, one by one.
    record Given(float[] values) implements Filling {}
  }

  SyntheticWeights(SyntheticShape shape, long seed) {
    this.shape = shape;
    this.seed = seed;
  }

  /// The runs of a tensor, in order.
  ///
  /// @param dimensions `(out, in)`, or one for a vector
  List<Run> runs(String name, List<Integer> dimensions) {
    int in = dimensions.getLast();
    if (dimensions.size() == 1) {
      return List.of(new Run(in, new Filling.Given(vector(name, in))));
    }
    long count = (long) dimensions.getFirst() * in;
    if (name.endsWith("word_embeddings.weight")) {
      long before = (long) shape.maskToken() * in;
      Filling tokens = random(name, 1);
      return List.of(new Run(before, tokens), new Run(in, random(name, MASK_DEVIATION)), new Run(count - before - in,
          tokens));
    }
    return List.of(new Run(count, random(name, (float) (gain(name) / Math.sqrt(in)))));
  }

  private Filling random(String name, float deviation) {
    return new Filling.Random(numbers.computeIfAbsent(deviation, NormalNumbers::new), NormalNumbers.stream(seed, name));
  }

  private static float gain(String name) {
    if (name.endsWith("attention.dense.weight") || name.endsWith("down_proj.weight")) {
      return DAMPING;
    }
    return name.equals("lm_head.weight") ? LOGIT_DEVIATION : 1;
  }

  private float[] vector(String name, int length) {
    float[] values = new float[length];
    if (name.endsWith("query_layernorm.weight") || name.endsWith("key_layernorm.weight")) {
      int half = shape.rotarySize() / 2;
      for (int dimension = 0; dimension < length; dimension++) {
        boolean isFast = dimension < shape.rotarySize() && dimension % half < half * FAST_SHARE;
        values[dimension] = isFast ? FAST_NORM : SLOW_NORM;
      }
    } else {
      Arrays.fill(values, name.endsWith("expert_bias") ? 0 : 1);
    }
    return values;
  }
}
