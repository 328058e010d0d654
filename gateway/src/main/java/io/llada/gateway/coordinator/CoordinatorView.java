package io.llada.gateway.coordinator;

import java.util.Optional;

/**
 * What the gateway last saw of one coordinator.
 *
 * @param name its address
 */
public record CoordinatorView(String name, State state) {

  public sealed interface State {}

  /**
   * It answered.
   *
   * @param seenAtNanos when, on the pool's clock
   */
  public record Reachable(ServedModel model, CoordinatorStatus status, long seenAtNanos) implements State {}

  /** It did not answer, or serves something this gateway has no tokenizer for. */
  public record Unusable(String reason) implements State {}

  public Optional<Reachable> reachable() {
    return state instanceof Reachable reachable ? Optional.of(reachable) : Optional.empty();
  }
}
