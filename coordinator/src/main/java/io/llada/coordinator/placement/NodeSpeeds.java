package io.llada.coordinator.placement;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// How fast nodes compute beside each other, in coarse steps that are kept until the measurements of some time are clearly
/// elsewhere: a plan must not follow noise. A node that has hardly been measured counts as the average one, and the longer
/// it is measured the more that counts. For one thread at a time.
final class NodeSpeeds {
  /// The ratio of two neighbouring speeds.
  static final double STEP = 1.25;
  /// Dispatches from which on a node counts as measured.
  static final int LEAST_DISPATCHES = 8;
  /// How far, in steps, a measurement must be from the speed that is kept; half a step is the nearest speed.
  private static final double AWAY = 0.75;
  private static final int MOST_STEPS = 16;

  /// After which a measurement counts half. The system may take a machine's cores away for seconds.
  static final Duration HALF_LIFE = Duration.ofSeconds(5);

  private final Map<String, Double> smoothed = new HashMap<>();
  private final Map<String, Integer> steps = new HashMap<>();

  /// Takes note of what was measured.
  ///
  /// @param paces of all nodes there are, by node id
  /// @param since the last note
  void note(Map<String, Pace> paces, Duration since) {
    smoothed.keySet().retainAll(paces.keySet());
    steps.keySet().retainAll(paces.keySet());
    Map<String, Double> measured = new HashMap<>();
    double size = paces.values().stream().filter(NodeSpeeds::isMeasured).mapToDouble(Pace::pairs).average().orElse(0);
    paces.forEach((node, pace) -> {
      if (isMeasured(pace)) {
        measured.put(node, StrictMath.log(pace.nanosFor(size)) / StrictMath.log(STEP));
      }
    });
    List<Double> sorted = measured.values().stream().sorted().toList();
    double kept = StrictMath.pow(0.5, (double) since.toNanos() / HALF_LIFE.toNanos());
    measured.forEach((node, steps) -> {
      double now = Math.clamp(median(sorted) - steps, -MOST_STEPS, MOST_STEPS);
      smoothed.put(node, kept * smoothed.getOrDefault(node, 0.0) + (1 - kept) * now);
      keep(node, smoothed.get(node));
    });
  }

  private static boolean isMeasured(Pace pace) {
    return pace.dispatches() >= LEAST_DISPATCHES;
  }

  private static double median(List<Double> sorted) {
    int size = sorted.size();
    return (sorted.get((size - 1) / 2) + sorted.get(size / 2)) / 2;
  }

  private void keep(String node, double measured) {
    if (Math.abs(measured - steps.getOrDefault(node, 0)) > AWAY) {
      steps.put(node, (int) Math.round(measured));
    }
  }

  /// Speed of a node, 1 for the average one.
  double of(String nodeId) {
    return StrictMath.pow(STEP, steps.getOrDefault(nodeId, 0));
  }
}
