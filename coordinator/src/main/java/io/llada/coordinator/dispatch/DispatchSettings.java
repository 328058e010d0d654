package io.llada.coordinator.dispatch;

import io.llada.model.experts.ActivationType;
import java.time.Duration;

/// How rows are dispatched.
///
/// @param coordinatorId name of this coordinator, for the nodes' logs
/// @param activationType number format of the rows, one for the whole cluster
/// @param maxTokensPerFrame a layer with more rows is sent in several frames
/// @param interactiveTokens frames with more rows take the bulk connection, where they hold up no decoding step
/// @param budget the most one layer may take, retries included
/// @param attemptTimeout the most one attempt may take at a node that is alive; another node is asked long before
/// @param ownerPatience how long a layer waits for a new owner when one is lost; a new placement may come in time
/// @param maxAttempts attempts for the same groups; being turned away by a full node is
///   none, and by one that does not hold the shard is bounded by the patience instead
public record DispatchSettings(String coordinatorId, ActivationType activationType, int maxTokensPerFrame,
    int interactiveTokens, Duration budget, Duration attemptTimeout, Duration ownerPatience, int maxAttempts) {
  public static final int DEFAULT_MAX_TOKENS_PER_FRAME = 512;
  public static final int DEFAULT_INTERACTIVE_TOKENS = 128;
  public static final Duration DEFAULT_BUDGET = Duration.ofSeconds(60);
  public static final Duration DEFAULT_ATTEMPT_TIMEOUT = Duration.ofSeconds(30);
  public static final Duration DEFAULT_OWNER_PATIENCE = Duration.ofSeconds(10);
  public static final int DEFAULT_MAX_ATTEMPTS = 20;

  public DispatchSettings {
    if (maxTokensPerFrame < 1 || interactiveTokens < 0 || maxAttempts < 1) {
      throw new IllegalArgumentException(
          "a frame takes at least 1 token and a dispatch 1 attempt, found %d tokens, %d interactive, %d attempts"
              .formatted(maxTokensPerFrame, interactiveTokens, maxAttempts));
    }
    if (!budget.isPositive() || !attemptTimeout.isPositive() || ownerPatience.isNegative()) {
      throw new IllegalArgumentException("budget and attempt timeout must be positive, found %s and %s, patience %s"
          .formatted(budget, attemptTimeout, ownerPatience));
    }
  }

  /// The same with smaller or larger frames.
  public DispatchSettings withTokensPerFrame(int tokens) {
    return new DispatchSettings(coordinatorId, activationType, tokens, interactiveTokens, budget, attemptTimeout,
        ownerPatience, maxAttempts);
  }

  /// The usual limits.
  public static DispatchSettings of(String coordinatorId, ActivationType activationType) {
    return new DispatchSettings(coordinatorId, activationType, DEFAULT_MAX_TOKENS_PER_FRAME, DEFAULT_INTERACTIVE_TOKENS,
        DEFAULT_BUDGET, DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_OWNER_PATIENCE, DEFAULT_MAX_ATTEMPTS);
  }
}
