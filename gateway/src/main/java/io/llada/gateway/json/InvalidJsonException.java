package io.llada.gateway.json;

/** Text that is not acceptable JSON; the message says where and why, in words fit for the sender. */
public final class InvalidJsonException extends Exception {
  private static final long serialVersionUID = 1L;

  public InvalidJsonException(String message) {
    super(message);
  }
}
