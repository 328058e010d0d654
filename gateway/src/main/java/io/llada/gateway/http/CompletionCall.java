package io.llada.gateway.http;

import io.llada.gateway.generation.GenerationRequest;

/**
 * A request of one of the completion endpoints.
 *
 * @param isStreamed whether the answer comes as server-sent events
 * @param hasUsageChunk whether the stream ends with a chunk that holds the usage
 */
record CompletionCall(GenerationRequest request, boolean isStreamed, boolean hasUsageChunk) {}
