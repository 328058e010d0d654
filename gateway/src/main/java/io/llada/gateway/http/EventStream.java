package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.linecorp.armeria.common.HttpData;
import com.linecorp.armeria.common.HttpHeaderNames;
import com.linecorp.armeria.common.HttpObject;
import com.linecorp.armeria.common.HttpResponseWriter;
import com.linecorp.armeria.common.HttpStatus;
import com.linecorp.armeria.common.MediaType;
import com.linecorp.armeria.common.ResponseHeaders;
import io.llada.gateway.failure.GatewayException;
import io.llada.gateway.failure.GatewayException.Reason;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Server-sent events to one client. Each write waits until the client took the one before, so nothing piles up. One
 * thread writes.
 */
final class EventStream {
  private static final HttpData DONE = HttpData.ofUtf8("data: [DONE]\n\n");
  private static final HttpData KEEP_ALIVE = HttpData.ofUtf8(": waiting\n\n");

  private final HttpResponseWriter writer;
  private final Duration slowReaderLimit;
  private final Resumption resumption;
  private long pieces;

  /**
   * @param slowReaderLimit how long a client may leave an event untaken
   * @param resumption whether pieces of the answer are numbered, and which the client has already
   */
  EventStream(HttpResponseWriter writer, Duration slowReaderLimit, Resumption resumption) {
    this.writer = writer;
    this.slowReaderLimit = slowReaderLimit;
    this.resumption = resumption;
  }

  void open() {
    write(ResponseHeaders.builder(HttpStatus.OK)
        .contentType(MediaType.EVENT_STREAM.withCharset(StandardCharsets.UTF_8))
        .set(HttpHeaderNames.CACHE_CONTROL, "no-cache")
        .set("x-accel-buffering", "no") // proxies must not collect events
        .build());
  }

  /** @throws GatewayException CANCELLED when the client has gone or takes nothing any more */
  void send(JsonNode event) {
    write(HttpData.ofUtf8("data: " + event + "\n\n"));
  }

  /**
   * A piece of the answer itself, which a client that comes back must not get twice.
   *
   * @throws GatewayException CANCELLED when the client has gone or takes nothing any more
   */
  void sendPiece(JsonNode event) {
    long id = pieces++;
    if (id >= resumption.firstPiece()) {
      write(HttpData.ofUtf8((resumption.isNumbered() ? "id: " + id + "\n" : "") + "data: " + event + "\n\n"));
    }
  }

  /** A comment, which clients skip: shows proxies that the connection lives. */
  void keepAlive() {
    write(KEEP_ALIVE);
  }

  void done() {
    write(DONE);
    close();
  }

  void close() {
    writer.close();
  }

  private void write(HttpObject object) {
    if (!writer.tryWrite(object)) {
      throw new GatewayException(Reason.CANCELLED, "the client has gone");
    }
    try {
      writer.whenConsumed().get(slowReaderLimit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      writer.abort();
      throw new GatewayException(Reason.CANCELLED,
          "the client took nothing for " + slowReaderLimit.toSeconds() + " s", e);
    } catch (ExecutionException e) {
      throw new GatewayException(Reason.CANCELLED, "the client has gone", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new GatewayException(Reason.CANCELLED, "interrupted", e);
    }
  }
}
