package io.llada.coordinator.dispatch;

import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// How much longer than others each node takes for the same, as dispatch goes by it: 1 for the usual one.
///
/// A node that is unknown, or was not asked for a while, is taken for as good as the quickest: it is asked, and then it
/// is known. So none is left out for long because of what it once was.
final class Slowness {
  /// Nodes within this ratio of the usual one count as equal: the rest is chance. Slower ones count as slower still by
  /// as much, or a layer would wait for them whenever they were taken for a little too good.
  private static final double CHANCE = 1.25;

  private Slowness() {}

  /// @param estimates of all nodes to choose from, for a dispatch of one size
  static SortedMap<String, Double> of(SortedMap<String, ExpectedTimes.Estimate> estimates) {
    List<Double> known = estimates.values().stream().filter(estimate -> estimate.confidence() > 0)
        .map(ExpectedTimes.Estimate::nanos).sorted().toList();
    double usual = known.isEmpty() ? 1 : known.get((known.size() - 1) / 2);
    double least = known.isEmpty() ? 1 : beside(usual, known.getFirst());
    SortedMap<String, Double> slowness = new TreeMap<>();
    estimates.forEach((node, estimate) -> slowness.put(node, estimate.confidence() > 0
        ? least * StrictMath.pow(beside(usual, estimate.nanos()) / least, estimate.confidence())
        : least));
    return slowness;
  }

  private static double beside(double usual, double nanos) {
    double ratio = nanos / usual;
    return ratio >= CHANCE ? ratio * CHANCE : ratio <= 1 / CHANCE ? ratio : 1;
  }
}
