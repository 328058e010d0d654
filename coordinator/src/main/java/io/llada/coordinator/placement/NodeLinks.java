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
  /// @param roundTripMicros weighted mean round trip of a dispatch; 0: none yet
  /// @param wireBytes bytes of frames sent and received over this connection
  record LinkStatus(boolean isReady, boolean isSuspect, int queueDepth, double roundTripMicros, long wireBytes) {}

  /// Connects to nodes that are new and leaves those that are not named any more.
  ///
  /// @param endpoints `host:port` by node id
  void retain(Map<String, String> endpoints);

  /// Empty for a node that is not connected to.
  Optional<LinkStatus> status(String nodeId);
}
