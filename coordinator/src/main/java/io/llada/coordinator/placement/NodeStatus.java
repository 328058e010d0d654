package io.llada.coordinator.placement;

import io.llada.coordinator.placement.NodeLinks.Traffic;
import java.util.List;

/// What an operator wants to know about one expert node.
///
/// @param nodeId name of the node; its endpoint while it has not answered
/// @param endpoint `host:port`
/// @param state how it fares
/// @param contents what it holds and where, at its last answer
/// @param work what it does
/// @param detail why it is not used; empty when it is
public record NodeStatus(String nodeId, String endpoint, State state, Contents contents, Work work, String detail) {
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

  /// What a node holds.
  ///
  /// @param shards shards held
  /// @param weightBytes bytes held
  /// @param loaded what it has loaded since it was started, by source
  /// @param zone what fails together with it; empty: nobody said
  /// @param device what it computes with; empty while it has not answered
  public record Contents(int shards, long weightBytes, List<DescribedNode.Loaded> loaded, String zone, String device) {
    /// Of a node that has not answered.
    static final Contents NONE = new Contents(0, 0, List.of(), "", "");

    public Contents {
      loaded = List.copyOf(loaded);
    }
  }

  /// What a node does.
  ///
  /// @param queueDepth dispatches waiting in it
  /// @param traffic what went over the present connection
  /// @param speed beside the other nodes, 1 for the average one
  public record Work(int queueDepth, Traffic traffic, double speed) {}

  /// Shards held at its last answer.
  public int shards() {
    return contents.shards();
  }
}
