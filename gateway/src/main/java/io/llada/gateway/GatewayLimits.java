package io.llada.gateway;

import java.time.Duration;

/**
 * The bounds of the gateway. Each has a name, so that a message can say which one was hit.
 *
 * @param maxBodyBytes largest request body, 1 KiB .. 64 MiB
 * @param maxConcurrentAnswers answers in progress at once, 1 .. 100,000
 * @param maxConnections open connections, from 1
 * @param answerDeadline how long one answer may take
 * @param requestReadTimeout how long a client may take to send a request
 * @param slowReaderTimeout how long a client may leave an event untaken
 * @param idleTimeout how long a connection may stay open without a request
 * @param streamKeepAlive silence after which a stream gets a comment
 * @param resumeTimeout how long an answer that has begun waits for a coordinator to go on with it
 * @param shutdownGrace how long answers in progress may go on when the gateway closes
 */
public record GatewayLimits(long maxBodyBytes, int maxConcurrentAnswers, int maxConnections, Duration answerDeadline,
    Duration requestReadTimeout, Duration slowReaderTimeout, Duration idleTimeout, Duration streamKeepAlive,
    Duration resumeTimeout, Duration shutdownGrace) {

  /** @throws IllegalArgumentException naming the limit, its value and its range */
  public GatewayLimits {
    within("maxBodyBytes", maxBodyBytes, 1 << 10, 64 << 20);
    within("maxConcurrentAnswers", maxConcurrentAnswers, 1, 100_000);
    within("maxConnections", maxConnections, 1, Integer.MAX_VALUE);
    within("answerDeadline", answerDeadline);
    within("requestReadTimeout", requestReadTimeout);
    within("slowReaderTimeout", slowReaderTimeout);
    within("idleTimeout", idleTimeout);
    within("streamKeepAlive", streamKeepAlive);
    within("resumeTimeout", resumeTimeout);
    within("shutdownGrace", shutdownGrace);
  }

  /** 4 MiB, 256 answers, 10,000 connections, 10 min, 10 s, 30 s, 60 s, 15 s, 30 s, 10 s. */
  public static GatewayLimits defaults() {
    return new GatewayLimits(4 << 20, 256, 10_000, Duration.ofMinutes(10), Duration.ofSeconds(10),
        Duration.ofSeconds(30), Duration.ofSeconds(60), Duration.ofSeconds(15), Duration.ofSeconds(30),
        Duration.ofSeconds(10));
  }

  /** These limits with another grace. */
  public GatewayLimits withShutdownGrace(Duration grace) {
    return new GatewayLimits(maxBodyBytes, maxConcurrentAnswers, maxConnections, answerDeadline, requestReadTimeout,
        slowReaderTimeout, idleTimeout, streamKeepAlive, resumeTimeout, grace);
  }

  private static void within(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException("%s is %d: must be %d .. %d".formatted(name, value, min, max));
    }
  }

  private static void within(String name, Duration value) {
    if (value.isNegative() || value.isZero() || value.compareTo(Duration.ofHours(24)) > 0) {
      throw new IllegalArgumentException("%s is %s: must be above 0 and at most 24 h".formatted(name, value));
    }
  }
}
