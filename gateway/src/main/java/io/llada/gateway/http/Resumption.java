package io.llada.gateway.http;

import com.linecorp.armeria.common.HttpHeaderNames;
import com.linecorp.armeria.common.RequestHeaders;
import io.llada.gateway.failure.GatewayException;

/**
 * How a client goes on with an answer that it lost. The same request gives the same answer, so it sends the request again
 * and says what it has; nothing needs to be kept for it, and another gateway does as well.
 *
 * @param isNumbered whether pieces of the answer have ids
 * @param firstPiece first piece that the client does not have, from 0
 */
record Resumption(boolean isNumbered, long firstPiece) {
  static final String IDEMPOTENCY_KEY = "idempotency-key";

  /** @throws GatewayException INVALID when the last id is none of ours */
  static Resumption of(RequestHeaders headers, boolean isStreamed) {
    String last = headers.get(HttpHeaderNames.LAST_EVENT_ID, "");
    boolean isNumbered = headers.contains(IDEMPOTENCY_KEY) || !last.isEmpty();
    if (last.isEmpty()) {
      return new Resumption(isNumbered, 0);
    }
    if (!isStreamed) {
      throw GatewayException.invalid("Last-Event-ID", "Last-Event-ID is only for requests with \"stream\": true");
    }
    if (!last.matches("[0-9]{1,9}")) {
      throw GatewayException.invalid("Last-Event-ID",
          "Last-Event-ID has %d characters and is no id of an event: must be 0 .. 999999999".formatted(last.length()));
    }
    return new Resumption(isNumbered, Long.parseLong(last) + 1);
  }
}
