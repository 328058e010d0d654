package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HedgeBudgetTest {
  @Test
  void hedgesAreAShareOfTheDispatchesAfterABurst() {
    HedgeBudget budget = new HedgeBudget();
    int made = 0;
    for (int dispatch = 0; dispatch < 1_000; dispatch++) {
      budget.earn();
      made += budget.spend() ? 1 : 0;
    }
    assertThat(made).isBetween(50, 50 + HedgeBudget.BURST);
    assertThat(budget.hedges()).isEqualTo(made);
    assertThat(budget.spend()).isFalse();
  }
}
