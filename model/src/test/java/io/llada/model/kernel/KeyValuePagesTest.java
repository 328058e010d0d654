package io.llada.model.kernel;

import static io.llada.model.kernel.KeyValuePages.PAGE_POSITIONS;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KeyValuePagesTest {
  private static final int HEADS = 3;

  @ParameterizedTest
  @EnumSource(CacheFormat.class)
  void whatIsStoredIsReadRoundedToTheFormat(CacheFormat format) {
    Random random = new Random(1);
    for (int headSize : new int[]{1, 2, 3, 7, 16, 33, 128}) {
      KeyValuePages pages = new KeyValuePages(format, HEADS, headSize);
      int positions = 2 * PAGE_POSITIONS + 5;
      float[][][] stored = new float[positions][HEADS][];
      for (int position = 0; position < positions; position++) {
        pages.reserve(position + 1); // grows without losing anything
        for (int head = 0; head < HEADS; head++) {
          stored[position][head] = keyAndValue(headSize, random);
          pages.store(position, head, keyAndValue(headSize, random), 0, headSize); // an earlier step's, overwritten
          pages.store(position, head, stored[position][head], 0, headSize);
        }
      }
      requireStored(pages, format, stored);
    }
  }

  private static void requireStored(KeyValuePages pages, CacheFormat format, float[][][] stored) {
    int headSize = pages.headSize();
    float[] room = new float[pages.pageNumbers()];
    for (int position = 0; position < stored.length; position++) {
      int page = position / PAGE_POSITIONS;
      int slot = position % PAGE_POSITIONS;
      for (int head = 0; head < HEADS; head++) {
        for (int d = 0; d < headSize; d++) {
          assertThat(pages.keys(head, page, room)[d * PAGE_POSITIONS + slot]).isEqualTo(rounded(format,
              stored[position][head][d]));
          assertThat(pages.values(head, page, room)[slot * headSize + d]).isEqualTo(rounded(format,
              stored[position][head][headSize + d]));
        }
      }
    }
  }

  private static float rounded(CacheFormat format, float value) {
    return format == CacheFormat.F32 ? value : Bf16.value(Bf16.bits(value));
  }

  private static float[] keyAndValue(int headSize, Random random) {
    float[] numbers = new float[2 * headSize];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) random.nextGaussian();
    }
    return numbers;
  }
}
