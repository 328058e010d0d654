package io.llada.gateway.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.llada.gateway.failure.GatewayException;

/** The body of one completion endpoint to our request. */
interface CompletionReader {
  /** @throws GatewayException naming the field at fault */
  CompletionCall read(JsonNode body);
}
