package io.llada.gateway.generation;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;

/** What the answers of this gateway took, as meters. Thread-safe. */
public final class GenerationMetrics {
  private final MeterRegistry registry;
  private final Counter promptTokens;
  private final Counter completionTokens;
  private final Counter steps;
  private final Counter forwards;
  private final Counter degradedAnswers;
  private final DistributionSummary tokensPerForward;
  private final Timer firstText;

  public GenerationMetrics(MeterRegistry registry) {
    this.registry = registry;
    this.promptTokens = registry.counter("llada.tokens", "kind", "prompt");
    this.completionTokens = registry.counter("llada.tokens", "kind", "completion");
    this.steps = registry.counter("llada.steps");
    this.forwards = registry.counter("llada.forwards");
    this.degradedAnswers = Counter.builder("llada.degraded.answers")
        .description("answers that went without experts, as their requests allow").register(registry);
    this.tokensPerForward = DistributionSummary.builder("llada.tokens.per.forward")
        .serviceLevelObjectives(1, 2, 4, 8, 16, 32).register(registry);
    this.firstText = timer("llada.first.text").register(registry);
  }

  private static Timer.Builder timer(String name) {
    return Timer.builder(name).serviceLevelObjectives(Duration.ofMillis(50), Duration.ofMillis(100),
        Duration.ofMillis(250), Duration.ofMillis(500), Duration.ofSeconds(1), Duration.ofMillis(2500),
        Duration.ofSeconds(5), Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofMinutes(2));
  }

  void firstText(long nanos) {
    firstText.record(Duration.ofNanos(nanos));
  }

  void used(Usage usage) {
    promptTokens.increment(usage.promptTokens());
    completionTokens.increment(usage.completionTokens());
    steps.increment(usage.steps());
    forwards.increment(usage.forwards());
    if (usage.forwards() > 0) {
      tokensPerForward.record(usage.tokensPerForward());
    }
  }

  /** An answer went without experts for the first time. */
  void degraded() {
    degradedAnswers.increment();
  }

  /** A request that was refused before it became an answer. */
  void refused(String outcome) {
    registry.counter("llada.requests", "outcome", outcome).increment();
  }

  void ended(String outcome, long nanos) {
    registry.counter("llada.requests", "outcome", outcome).increment();
    timer("llada.request").tag("outcome", outcome).register(registry).record(Duration.ofNanos(nanos));
  }
}
