package io.llada.gateway.generation;

import io.llada.gateway.coordinator.ServedModel;
import java.time.Instant;

/**
 * What is fixed about an answer before its first token.
 *
 * @param requestId for logs and support
 * @param maxTokens most tokens of the answer, from 1
 * @param picture how to show a half-denoised block
 */
public record AnswerTerms(String requestId, ServedModel model, Instant createdAt, int promptTokens, int maxTokens,
    boolean hasStepEvents, BlockPicture picture) {}
