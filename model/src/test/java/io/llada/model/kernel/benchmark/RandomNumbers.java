package io.llada.model.kernel.benchmark;

import java.util.SplittableRandom;

/// Inputs of benchmarks, the same in every run.
final class RandomNumbers {
  private RandomNumbers() {}

  /// Numbers between -1 and 1.
  static float[] floats(int count) {
    SplittableRandom random = new SplittableRandom(count);
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) random.nextDouble(-1, 1);
    }
    return numbers;
  }
}
