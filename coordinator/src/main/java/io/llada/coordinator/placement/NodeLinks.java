package io.llada.coordinator.placement;

import java.util.Map;
import java.util.Optional;

/// The data connections, as the placement sees them. Thread-safe.
public interface NodeLinks {
  /// How one connection fares.
  ///
  /// @param isReady whether dispatches can be sent
  /// @param isSuspect whether others are asked first, because it is silent or late
  /// @param queueDepth dispatches waiting in the node at its last ping
  /// @param traffic what went over it
  /// @param pace how long the node has dispatches
  record LinkStatus(boolean isReady, boolean isSuspect, int queueDepth, Traffic traffic, Pace pace) {}

  /// What went over one connection.
  ///
  /// @param roundTripMicros weighted mean round trip of a dispatch; 0: none yet
  /// @param slowestMicros slowest recent round trip; 0: none yet
  /// @param wireBytes bytes of frames sent and received
  /// @param pairs computed by the node
  record Traffic(double roundTripMicros, double slowestMicros, long wireBytes, long pairs) {
    static final Traffic NONE = new Traffic(0, 0, 0, 0);
  }

  /// Connects to nodes that are new and leaves those that are not named any more.
  ///
  /// @param endpoints `host:port` by node id
  void retain(Map<String, String> endpoints);

  /// Empty for a node that is not connected to.
  Optional<LinkStatus> status(String nodeId);
}
