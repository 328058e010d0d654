package io.llada.coordinator.placement;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;

/// A node did not do what it was asked to.
public final class CallException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// What it means for the caller.
  public enum Kind {
    /// Nobody answers there.
    UNREACHABLE,
    /// It may answer later.
    SLOW,
    /// Another coordinator is ahead; look again.
    STALE,
    /// The shards do not fit.
    OUT_OF_MEMORY,
    /// It will not, ever.
    REFUSED;

    private static Kind of(Status status) {
      return switch (status.getCode()) {
        case UNAVAILABLE -> UNREACHABLE;
        case ABORTED -> STALE;
        case RESOURCE_EXHAUSTED -> OUT_OF_MEMORY;
        case FAILED_PRECONDITION, UNIMPLEMENTED, INVALID_ARGUMENT -> REFUSED;
        default -> SLOW;
      };
    }
  }

  private final Kind kind;

  CallException(StatusRuntimeException cause) {
    super(cause.getStatus().getDescription() == null
        ? cause.getStatus().getCode().toString()
        : cause.getStatus().getDescription(), cause);
    kind = Kind.of(cause.getStatus());
  }

  /// As a status says.
  public static CallException of(Status status) {
    return new CallException(status.asRuntimeException());
  }

  Kind kind() {
    return kind;
  }
}
