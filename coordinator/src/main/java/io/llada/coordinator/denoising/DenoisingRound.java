package io.llada.coordinator.denoising;

import java.util.ArrayList;
import java.util.List;

/// Who takes part in one forward pass.
///
/// @param denoising sequences that take a denoising step
/// @param prefilling sequences whose prompt is still being cached
record DenoisingRound(List<DenoisingSequence> denoising, List<Prefill> prefilling) {
  /// @param sequence a sequence with uncached blocks
  /// @param budget most rows it may take
  record Prefill(DenoisingSequence sequence, int budget) {}

  boolean isEmpty() {
    return denoising.isEmpty() && prefilling.isEmpty();
  }

  /// Chooses from the running sequences, in their order: denoising steps first, up to the token budget (half of it
  /// while prompts are waiting), then prefill with what is left. At least one sequence takes part, however large.
  static DenoisingRound plan(List<DenoisingSequence> running, int tokenBudget) {
    List<DenoisingSequence> ready = running.stream().filter(s -> s.stepRows() <= tokenBudget || s
        .rowsBeforeBlock() == 0).toList();
    List<DenoisingSequence> waiting = running.stream().filter(s -> !ready.contains(s)).toList();
    int stepBudget = waiting.isEmpty() ? tokenBudget : tokenBudget / 2;
    List<DenoisingSequence> denoising = new ArrayList<>();
    int rows = 0;
    for (DenoisingSequence sequence : ready) {
      if (denoising.isEmpty() || rows + sequence.stepRows() <= stepBudget) {
        denoising.add(sequence);
        rows += sequence.stepRows();
      }
    }
    List<Prefill> prefilling = new ArrayList<>();
    for (DenoisingSequence sequence : waiting) {
      int budget = Math.min(tokenBudget - rows, sequence.rowsBeforeBlock());
      if (budget > 0 || rows == 0) {
        prefilling.add(new Prefill(sequence, Math.max(1, budget)));
        rows += Math.max(1, budget);
      }
    }
    return new DenoisingRound(denoising, prefilling);
  }
}
