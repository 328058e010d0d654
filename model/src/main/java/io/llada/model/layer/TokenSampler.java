package io.llada.model.layer;

import io.llada.model.unmasking.CounterRandom;
import io.llada.model.unmasking.Sampling;
import java.util.Arrays;
import java.util.stream.IntStream;

/// Draws a token from one row of logits: divide by the temperature, keep the top-k, keep the nucleus, draw.
///
/// The confidence is the drawn token's probability under the distribution it was drawn from.
final class TokenSampler {
  private TokenSampler() {}

  static void draw(float[] logits, int from, int vocabulary, int maskToken, RowSampling row, RowPredictions target,
      int targetRow) {
    Sampling sampling = row.sampling();
    double[] powers = powers(logits, from, vocabulary, maskToken, sampling.temperature());
    double kept = nucleus(powers, topK(powers, sampling.topK()), sampling.topP());
    double draw = CounterRandom.uniform(sampling.seed(), CounterRandom.Purpose.TOKEN, row.position(), row.step());
    double remaining = draw * kept;
    int chosen = -1;
    for (int token = 0; token < vocabulary && (chosen < 0 || remaining >= 0); token++) {
      if (powers[token] > 0) {
        chosen = token;
        remaining -= powers[token];
      }
    }
    target.tokens()[targetRow] = chosen;
    target.confidences()[targetRow] = (float) (powers[chosen] / kept);
  }

  /// exp((logit - max) / temperature), 0 for the mask.
  private static double[] powers(float[] logits, int from, int vocabulary, int maskToken, float temperature) {
    float max = Float.NEGATIVE_INFINITY;
    for (int token = 0; token < vocabulary; token++) {
      max = token == maskToken ? max : Math.max(max, logits[from + token]);
    }
    if (!Float.isFinite(max)) {
      throw LanguageModelHead.notFinite(max);
    }
    double[] powers = new double[vocabulary];
    for (int token = 0; token < vocabulary; token++) {
      powers[token] = token == maskToken ? 0 : StrictMath.exp((logits[from + token] - max) / temperature);
    }
    return powers;
  }

  /// Zeroes what is below the k-th largest (ties with it stay); returns the sum of the rest.
  private static double topK(double[] powers, int k) {
    if (k > 0 && k < powers.length) {
      double[] sorted = powers.clone();
      Arrays.sort(sorted);
      double smallest = sorted[sorted.length - k];
      for (int token = 0; token < powers.length; token++) {
        powers[token] = powers[token] < smallest ? 0 : powers[token];
      }
    }
    return Arrays.stream(powers).sum();
  }

  /// Drops tokens once those before them, in descending order (lower id first on ties), hold more than `topP` of the
  /// mass; returns what is left. The first always stays.
  private static double nucleus(double[] powers, double sum, float topP) {
    if (topP >= 1) {
      return sum;
    }
    // Tokens below (1 - p) / V hold less than 1 - p together, so they cannot reach into the nucleus.
    double negligible = (1 - topP) * sum / powers.length;
    int[] order = IntStream.range(0, powers.length).filter(token -> powers[token] >= negligible
        && powers[token] > 0).boxed().sorted((a, b) -> Double.compare(powers[b], powers[a])).mapToInt(
            Integer::intValue)
        .toArray();
    double[] keptPowers = new double[powers.length];
    double before = 0;
    for (int token : order) {
      if (before > topP * sum) {
        break;
      }
      keptPowers[token] = powers[token];
      before += powers[token];
    }
    System.arraycopy(keptPowers, 0, powers, 0, powers.length);
    return before;
  }
}
