package io.llada.gateway.coordinator;

import java.util.Map;

/**
 * An expert node as its coordinator sees it.
 *
 * @param state ready, loading, suspect, draining, lost or refused
 * @param zone what fails together with it; empty: nobody said
 * @param device what it computes with; empty while it has not answered
 * @param weights what it holds
 * @param work what it does
 * @param detail why it is not used; empty when it is
 */
public record ExpertNodeView(String id, String endpoint, String state, String zone, String device, Weights weights,
    Work work, String detail) {

  /**
   * What a node holds.
   *
   * @param bytes of expert weights held
   * @param loadedBytes what it has loaded since it was started, by source
   */
  public record Weights(int shards, long bytes, Map<String, Long> loadedBytes) {
    public Weights {
      loadedBytes = Map.copyOf(loadedBytes);
    }
  }

  /**
   * What a node does.
   *
   * @param queueDepth dispatches waiting in it
   * @param roundTripMicros weighted mean round trip of a dispatch
   * @param slowestMicros slowest recent round trip
   * @param pairs computed for its coordinator over the present connection
   * @param speed beside the other nodes, 1 for the average one
   */
  public record Work(int queueDepth, double roundTripMicros, double slowestMicros, long pairs, double speed) {}
}
