package io.llada.coordinator.placement;

import io.llada.coordinator.placement.NodeLinks.LinkStatus;
import io.llada.coordinator.placement.NodeLinks.Traffic;
import io.llada.coordinator.placement.NodeWatch.Watched;
import io.llada.model.config.ShardId;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/// How the nodes fare: written by the placement's thread, read by any.
final class NodeBoard {
  private final NodeLinks links;
  private volatile Map<String, NodeStatus> nodes = Map.of();

  NodeBoard(NodeLinks links) {
    this.links = links;
  }

  /// Takes note of every node.
  ///
  /// @param target the plan that is followed
  /// @param speed of a node id
  void note(List<Watched> watched, Target target, ToDoubleFunction<String> speed) {
    Map<String, NodeStatus> known = new HashMap<>();
    for (Watched node : watched) {
      NodeStatus status = new NodeStatus(node.nodeId(), node.endpoint(), state(node, target),
          node.description().map(NodeBoard::contents).orElse(NodeStatus.Contents.NONE),
          new NodeStatus.Work(0, Traffic.NONE, speed.applyAsDouble(node.nodeId())), node.detail());
      // Of two endpoints under one node id, the one that is used counts; a second living process is told about as well.
      String key = node.hasNamesake() ? node.nodeId() + " at " + node.endpoint() : node.nodeId();
      known.merge(key, status, (a, b) -> a.state().compareTo(b.state()) <= 0 ? a : b);
    }
    nodes = Map.copyOf(known);
  }

  private static NodeStatus.Contents contents(DescribedNode described) {
    return new NodeStatus.Contents(described.held().size(), described.weightBytes(), described.loaded(),
        described.zone(), described.device());
  }

  private static NodeStatus.State state(Watched node, Target target) {
    if (node.isLost()) {
      return NodeStatus.State.LOST;
    }
    if (node.isRefused()) {
      return NodeStatus.State.REFUSED;
    }
    if (node.isSilent()) {
      return NodeStatus.State.SUSPECT;
    }
    if (node.isDraining()) {
      return NodeStatus.State.DRAINING;
    }
    List<ShardId> wanted = target.shardsOf().get(node.nodeId());
    boolean isReady = wanted != null && node.description().orElseThrow().held().containsAll(wanted);
    return isReady ? NodeStatus.State.READY : NodeStatus.State.LOADING;
  }

  /// Every known node, by endpoint.
  List<NodeStatus> nodes() {
    return nodes.values().stream().map(this::withLink).sorted(Comparator.comparing(NodeStatus::endpoint)).toList();
  }

  private NodeStatus withLink(NodeStatus node) {
    Optional<LinkStatus> found = links.status(node.nodeId());
    if (found.isEmpty() || node.state() == NodeStatus.State.REFUSED) {
      return node;
    }
    LinkStatus link = found.get();
    boolean broken = node.state() == NodeStatus.State.READY && (!link.isReady() || link.isSuspect());
    return new NodeStatus(node.nodeId(), node.endpoint(), broken ? NodeStatus.State.SUSPECT : node.state(),
        node.contents(), new NodeStatus.Work(link.queueDepth(), link.traffic(), node.work().speed()),
        broken ? link.isReady() ? "it is silent or late" : "its data connection is down" : node.detail());
  }

  /// Nodes that are there to stay.
  int staying() {
    return (int) nodes.values().stream()
        .filter(node -> node.state() != NodeStatus.State.DRAINING && isAlive(node)).count();
  }

  /// A node that left the directory counts as long as it can be reached.
  boolean isAlive(String nodeId) {
    NodeStatus node = nodes.get(nodeId);
    return node == null ? links.status(nodeId).filter(LinkStatus::isReady).isPresent() : isAlive(node);
  }

  private static boolean isAlive(NodeStatus node) {
    return node.state() != NodeStatus.State.LOST && node.state() != NodeStatus.State.REFUSED;
  }
}
