package io.llada.coordinator.placement;

/// What an operator wants to know about one expert node.
///
/// @param nodeId name of the node; its endpoint while it has not answered
/// @param endpoint `host:port`
/// @param state how it fares
/// @param shards shards held at its last answer
/// @param weightBytes bytes held at its last answer
/// @param queueDepth dispatches waiting in it
/// @param roundTripMicros weighted mean round trip of a dispatch
/// @param wireBytes bytes of frames sent to it and received from it over the present connection
/// @param device what it computes with; empty while it has not answered
/// @param detail why it is not used; empty when it is
public record NodeStatus(String nodeId, String endpoint, State state, int shards, long weightBytes, int queueDepth,
    double roundTripMicros, long wireBytes, String device, String detail) {
  /// How a node fares.
  public enum State {
    /// It holds its shards and answers.
    READY,
    /// It answers and is not in the placement yet.
    LOADING,
    /// It is in the placement and its data connection is down.
    SUSPECT,
    /// It serves what it holds and is about to leave.
    DRAINING,
    /// It does not answer.
    LOST,
    /// It answers and cannot be used: other model, other numerics class, too little memory.
    REFUSED
  }
}
