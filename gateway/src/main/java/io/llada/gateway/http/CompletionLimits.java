package io.llada.gateway.http;

import java.time.Duration;

/**
 * What one completion may take.
 *
 * @param deadline for the whole answer
 * @param slowReader how long a client may leave an event untaken
 * @param keepAlive silence after which a stream gets a comment
 */
public record CompletionLimits(Duration deadline, Duration slowReader, Duration keepAlive) {}
