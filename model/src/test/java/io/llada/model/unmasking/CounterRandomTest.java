package io.llada.model.unmasking;

import static io.llada.model.unmasking.CounterRandom.uniform;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.llada.model.unmasking.CounterRandom.Purpose;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CounterRandomTest {
  @Test
  void aDrawDependsOnItsKeyAlone() {
    double first = uniform(7, Purpose.TOKEN, 100, 3);
    uniform(8, Purpose.POSITION, 1, 1);
    assertThat(uniform(7, Purpose.TOKEN, 100, 3)).isEqualTo(first);
  }

  /// A change here changes the answers of every sampled request: a new numerics class.
  @Test
  void theDrawsAreThoseOfEveryRelease() {
    assertThat(uniform(0, Purpose.TOKEN, 0, 0)).isEqualTo(0.9840321660442115);
    assertThat(uniform(-1, Purpose.POSITION, 1 << 20, 1023)).isEqualTo(0.24631775168979791);
  }

  @Test
  void differentKeysGiveDifferentDraws() {
    Set<Double> draws = new HashSet<>();
    int count = 0;
    for (long seed : new long[]{0, 1, -1, Long.MIN_VALUE, Long.MAX_VALUE, 42}) {
      for (Purpose purpose : Purpose.values()) {
        for (int position = 0; position < 300; position++) {
          for (int step = 0; step < 40; step++) {
            draws.add(uniform(seed, purpose, position, step));
            count++;
          }
        }
      }
    }
    assertThat(draws).hasSize(count);
  }

  @Test
  void drawsAreUniformAndInsideTheUnitInterval() {
    int[] buckets = new int[20];
    double sum = 0;
    int count = 0;
    for (int position = 0; position < 500; position++) {
      for (int step = 0; step < 400; step++) {
        double draw = uniform(3, Purpose.TOKEN, position, step);
        assertThat(draw).isGreaterThan(0).isLessThan(1);
        buckets[(int) (draw * buckets.length)]++;
        sum += draw;
        count++;
      }
    }
    assertThat(sum / count).isCloseTo(0.5, within(0.005));
    double expected = (double) count / buckets.length;
    double chiSquare = 0;
    for (int bucket : buckets) {
      chiSquare += (bucket - expected) * (bucket - expected) / expected;
    }
    // 19 degrees of freedom: above 50 happens once in 7,000.
    assertThat(chiSquare).isLessThan(50);
  }

  @Test
  void neighbouringKeysAreNotCorrelated() {
    double products = 0;
    int count = 100_000;
    for (int i = 0; i < count; i++) {
      products += (uniform(1, Purpose.TOKEN, i, 0) - 0.5) * (uniform(1, Purpose.TOKEN, i + 1, 0) - 0.5);
      products += (uniform(1, Purpose.TOKEN, 5, i) - 0.5) * (uniform(1, Purpose.TOKEN, 5, i + 1) - 0.5);
      products += (uniform(i, Purpose.TOKEN, 5, 5) - 0.5) * (uniform(i + 1, Purpose.TOKEN, 5, 5) - 0.5);
      products += (uniform(i, Purpose.TOKEN, 5, 5) - 0.5) * (uniform(i, Purpose.POSITION, 5, 5) - 0.5);
    }
    assertThat(products / count * 12).isCloseTo(0, within(0.03));
  }
}
