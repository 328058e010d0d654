package io.llada.coordinator.simulation;

import io.llada.coordinator.simulation.SimulatedCluster.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Runs seeds, and tells of one that fails all that is needed to see it again.
final class SimulationRunner {
  private static final int SHOWN_LINES = 120;

  private SimulationRunner() {}

  /// @throws AssertionError naming seed, invariant, the last events and the command that replays it
  static Outcome run(long seed, Parts parts, VirtualTime.LogLines log) {
    try {
      return new SimulatedCluster(seed, parts, log).run(seed);
    } catch (InvariantViolation | RuntimeException e) {
      throw new AssertionError(report(seed, parts, e), e);
    }
  }

  /// The invariant that a seed violates, if any.
  static Optional<String> violation(long seed, Parts parts) {
    try {
      new SimulatedCluster(seed, parts, VirtualTime.LogLines.NOBODY).run(seed);
      return Optional.empty();
    } catch (InvariantViolation e) {
      return Optional.of(e.invariant());
    }
  }

  private static String report(long seed, Parts parts, Throwable failure) {
    List<String> lines = new ArrayList<>();
    try {
      new SimulatedCluster(seed, parts, VirtualTime.LogLines.to(lines::add)).run(seed);
    } catch (InvariantViolation | RuntimeException again) {
      lines.add("again: " + again);
    }
    List<String> last = lines.subList(Math.max(0, lines.size() - SHOWN_LINES), lines.size());
    return """
        seed %d: %s
        the last events:
        %s
        replay it with all events:
        ./mvnw -q test -pl coordinator -am -Dsurefire.failIfNoSpecifiedTests=false -Dtest=ClusterSimulationTest \
        -Dsimulation.seed=%d
        """.formatted(seed, failure, String.join("\n", last), seed);
  }
}
