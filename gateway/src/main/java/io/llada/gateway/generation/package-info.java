/** One answer from request to events, the same for HTTP and gRPC. */
package io.llada.gateway.generation;
