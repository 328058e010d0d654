/** The coordinators behind the gateway: our records, one gRPC edge class, and the choice among several. */
package io.llada.gateway.coordinator;
