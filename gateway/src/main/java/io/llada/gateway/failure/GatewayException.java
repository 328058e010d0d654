package io.llada.gateway.failure;

import java.util.Optional;

/**
 * A request that cannot be answered, with what the caller should do about it. Edges translate it to an HTTP status or a
 * gRPC status; nothing else does.
 */
public final class GatewayException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Reason reason;
  private final String parameter;

  /** What the caller should do, from which HTTP and gRPC statuses follow. */
  public enum Reason {
    /** Correct the request. */
    INVALID,
    /** Ask for something that exists. */
    NOT_FOUND,
    /** Wait: the same request is under way. */
    CONFLICT,
    /** Send less, or split it. */
    TOO_LARGE,
    /** Send another media type or encoding. */
    UNSUPPORTED_MEDIA_TYPE,
    /** Come back later: there is too much to do. */
    OVERLOADED,
    /** Repeat the call: a part of the cluster is missing at the moment. */
    UNAVAILABLE,
    /** Repeat the call: expert nodes are missing, and a living coordinator has waited for them in vain. */
    EXPERTS_UNAVAILABLE,
    /** Ask for less or allow more time. */
    DEADLINE_EXCEEDED,
    /** Nothing: the caller has gone. */
    CANCELLED,
    /** Report it: the fault is ours. */
    INTERNAL
  }

  public GatewayException(Reason reason, String message) {
    this(reason, "", message);
  }

  /** @param parameter name of the request field at fault; empty when there is none */
  public GatewayException(Reason reason, String parameter, String message) {
    super(message);
    this.reason = reason;
    this.parameter = parameter;
  }

  public GatewayException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
    this.parameter = "";
  }

  /** A wrong field; the message should state the value and the limit. */
  public static GatewayException invalid(String parameter, String message) {
    return new GatewayException(Reason.INVALID, parameter, message);
  }

  public Reason reason() {
    return reason;
  }

  public Optional<String> parameter() {
    return parameter.isEmpty() ? Optional.empty() : Optional.of(parameter);
  }
}
