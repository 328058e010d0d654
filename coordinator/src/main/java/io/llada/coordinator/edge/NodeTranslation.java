package io.llada.coordinator.edge;

import io.llada.coordinator.placement.NodeStatus;
import io.llada.proto.internal.v1.ExpertNodeStatus;
import java.util.Locale;

/// An expert node's status on the wire.
final class NodeTranslation {
  private NodeTranslation() {}

  static ExpertNodeStatus toWire(NodeStatus node) {
    return ExpertNodeStatus.newBuilder().setNodeId(node.nodeId()).setEndpoint(node.endpoint()).setState(node.state()
        .name().toLowerCase(Locale.ROOT)).setShards(node.shards()).setWeightBytes(node.weightBytes()).setQueueDepth(node
            .queueDepth())
        .setRoundTripMicros(node.roundTripMicros()).setDetail(node.detail()).setDevice(node.device()).build();
  }
}
