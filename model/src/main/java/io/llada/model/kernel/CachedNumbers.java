package io.llada.model.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The keys or the values of one page, in the cache's format.
sealed interface CachedNumbers {
  void set(int index, float value);

  /// All numbers as F32.
  ///
  /// @param room where they may be put, at least as long
  /// @return `room`, or the numbers themselves, which must not be changed
  float[] widened(float[] room);

  /// F32.
  record Floats(float[] numbers) implements CachedNumbers {
    @Override
    public void set(int index, float value) {
      numbers[index] = value;
    }

    @Override
    public float[] widened(float[] room) {
      return numbers;
    }
  }

  /// BF16 in pairs: numbers `i` and `i + half` share a word (`i` in its lower half), so that one load and one shift or
  /// mask give two F32 vectors, as in a [PackedMatrix].
  final class Halves implements CachedNumbers {
    private static final VectorSpecies<Float> FLOATS = VectorKernels.SPECIES;
    private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());

    private final int[] words;

    Halves(int count) {
      words = new int[count / 2];
    }

    @Override
    public void set(int index, float value) {
      if (index < words.length) {
        words[index] = words[index] & 0xffff0000 | Bf16.bits(value);
      } else {
        int word = index - words.length;
        words[word] = words[word] & 0xffff | Bf16.bits(value) << 16;
      }
    }

    @Override
    public float[] widened(float[] room) {
      int half = words.length;
      int i = 0;
      for (; i <= half - INTS.length(); i += INTS.length()) {
        IntVector pair = IntVector.fromArray(INTS, words, i);
        FloatVector lower = pair.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
        FloatVector upper = pair.and(0xffff0000).reinterpretAsFloats();
        lower.intoArray(room, i);
        upper.intoArray(room, half + i);
      }
      for (; i < half; i++) {
        room[i] = Bf16.value(words[i]);
        room[half + i] = Bf16.value(words[i] >>> 16);
      }
      return room;
    }
  }
}
