package io.llada.coordinator.edge;

import io.llada.coordinator.placement.NodeLinks.Traffic;
import io.llada.coordinator.placement.NodeStatus;
import io.llada.coordinator.placement.Proposal;
import io.llada.proto.internal.v1.ExpertNodeStatus;
import io.llada.proto.internal.v1.LoadedBytes;
import io.llada.proto.internal.v1.NodeShare;
import io.llada.proto.internal.v1.RebalancePlan;
import java.util.Locale;

/// Expert nodes and what is planned for them, on the wire.
final class NodeTranslation {
  private NodeTranslation() {}

  static ExpertNodeStatus toWire(NodeStatus node) {
    NodeStatus.Contents contents = node.contents();
    Traffic traffic = node.work().traffic();
    ExpertNodeStatus.Builder status = ExpertNodeStatus.newBuilder().setNodeId(node.nodeId())
        .setEndpoint(node.endpoint()).setState(node.state().name().toLowerCase(Locale.ROOT)).setDetail(node.detail())
        .setShards(contents.shards()).setWeightBytes(contents.weightBytes()).setDevice(contents.device())
        .setZone(contents.zone()).setQueueDepth(node.work().queueDepth()).setSpeed(node.work().speed())
        .setRoundTripMicros(traffic.roundTripMicros()).setSlowestRoundTripMicros(traffic.slowestMicros())
        .setPairs(traffic.pairs());
    contents.loaded().forEach(part -> status.addLoaded(
        LoadedBytes.newBuilder().setSource(part.source()).setBytes(part.bytes()).setShards(part.shards())));
    return status.build();
  }

  static RebalancePlan toWire(Proposal proposal) {
    RebalancePlan.Builder plan = RebalancePlan.newBuilder().setEpoch(proposal.epoch())
        .setBytesToMove(proposal.bytesToMove()).setImbalanceNow(proposal.imbalanceNow())
        .setImbalanceThen(proposal.imbalanceThen()).setChange(proposal.isChange());
    proposal.shares().forEach(share -> plan.addNodes(NodeShare.newBuilder().setNodeId(share.nodeId())
        .setShardsNow(share.shardsNow()).setShardsThen(share.shardsThen()).setLoads(share.loads())
        .setSpeed(share.speed())));
    return plan.build();
  }
}
