package io.llada.gateway.coordinator;

/**
 * An expert node as its coordinator sees it.
 *
 * @param state ready, loading, suspect, draining, lost or refused
 * @param weightBytes bytes of expert weights held
 * @param queueDepth dispatches waiting in it
 * @param roundTripMicros weighted mean round trip of a dispatch
 * @param device what it computes with; empty while it has not answered
 * @param detail why it is not used; empty when it is
 */
public record ExpertNodeView(String id, String endpoint, String state, int shards, long weightBytes, int queueDepth,
    double roundTripMicros, String device, String detail) {}
