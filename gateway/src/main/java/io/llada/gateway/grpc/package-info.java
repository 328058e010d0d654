/** The public gRPC edge. */
package io.llada.gateway.grpc;
