package io.llada.expertnode;

/// A placement this node cannot follow.
final class ShardRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// Why.
  enum Reason {
    OUT_OF_MEMORY, STALE_EPOCH, UNKNOWN_SHARD, NOT_PREPARED, LOADING_TAKES_TOO_LONG, NO_SOURCE, NO_SOURCE_NOW
  }

  private final Reason reason;

  ShardRefusedException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  Reason reason() {
    return reason;
  }
}
