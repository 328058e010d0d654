package io.llada.gateway.coordinator;

import java.util.concurrent.atomic.LongAdder;

/** How often answers were given to coordinators. Thread-safe. */
public final class AttemptCounts {
  private final LongAdder attempts = new LongAdder();
  private final LongAdder resumptions = new LongAdder();

  void started(int attempt, boolean hasBegun) {
    attempts.increment();
    if (attempt > 1 && hasBegun) {
      resumptions.increment();
    }
  }

  /** Answers given to a coordinator, each time counted. */
  public long attempts() {
    return attempts.sum();
  }

  /** Those of them that had begun on another coordinator, or in another life of the same. */
  public long resumptions() {
    return resumptions.sum();
  }
}
