package io.llada.coordinator.placement;

import io.grpc.ChannelCredentials;
import io.llada.coordinator.placement.NodeControl.CallException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Asks the nodes of a directory who they are, and keeps what each one said last. Used by the driver's thread alone.
final class NodeWatch implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NodeWatch.class);
  /// Answers that may fail to come in time before a node counts as lost; a refused connection counts at once.
  private static final int SLOW_ANSWERS_ALLOWED = 2;

  private final PlacementSettings settings;
  private final ExpertModel model;
  private final NodeDirectory directory;
  private final ChannelCredentials credentials;
  private final ExecutorService calls;
  private final Map<String, Watched> nodes = new TreeMap<>();

  /// One endpoint and what is known about the node behind it.
  static final class Watched {
    private final String endpoint;
    private final NodeControl control;
    private Optional<DescribedNode> description = Optional.empty();
    private int slowAnswers;
    private boolean lost = true;
    private String detail = "has not answered yet";
    private Optional<String> refusedIncarnation = Optional.empty();

    Watched(String endpoint, NodeControl control) {
      this.endpoint = endpoint;
      this.control = control;
    }

    String endpoint() {
      return endpoint;
    }

    NodeControl control() {
      return control;
    }

    Optional<DescribedNode> description() {
      return description;
    }

    String detail() {
      return detail;
    }

    boolean isLost() {
      return lost;
    }

    boolean isRefused() {
      return refusedIncarnation.isPresent() && description.map(DescribedNode::incarnation).equals(refusedIncarnation);
    }

    boolean isUsable() {
      return !lost && !isRefused() && description.isPresent();
    }
  }

  NodeWatch(PlacementSettings settings, ExpertModel model, NodeDirectory directory, ChannelCredentials credentials,
      ExecutorService calls) {
    this.settings = settings;
    this.model = model;
    this.directory = directory;
    this.credentials = credentials;
    this.calls = calls;
  }

  /// Asks every node once, all at the same time.
  void look() {
    Set<String> endpoints = new HashSet<>(directory.endpoints());
    nodes.values().removeIf(node -> {
      boolean gone = !endpoints.contains(node.endpoint);
      if (gone) {
        node.control.close();
      }
      return gone;
    });
    endpoints.forEach(endpoint -> nodes.computeIfAbsent(endpoint,
        added -> new Watched(added, new NodeControl(added, credentials))));
    Map<Watched, Future<DescribedNode>> answers = new LinkedHashMap<>();
    nodes.values()
        .forEach(node -> answers.put(node, calls.submit(() -> node.control.describe(settings.probeTimeout()))));
    answers.forEach(this::note);
    refuseDuplicates();
  }

  private void note(Watched node, Future<DescribedNode> answer) {
    try {
      found(node, Calls.await(answer, settings.probeTimeout()));
    } catch (CallException e) {
      node.slowAnswers++;
      boolean gone = e.kind() == CallException.Kind.UNREACHABLE || node.slowAnswers > SLOW_ANSWERS_ALLOWED;
      if (gone && !node.lost) {
        LOG.warn("expert node {} at {} is lost: {}", node.description.map(DescribedNode::nodeId).orElse("?"),
            node.endpoint, e.getMessage());
      }
      node.lost |= gone;
      node.detail = "does not answer: " + e.getMessage();
    }
  }

  private void found(Watched node, DescribedNode description) {
    boolean same = node.description.map(DescribedNode::incarnation).filter(description.incarnation()::equals)
        .isPresent();
    if (!same || node.lost) {
      LOG.info("expert node {} found at {}, capacity {} bytes", description.nodeId(), node.endpoint,
          description.capacityBytes());
    }
    node.description = Optional.of(description);
    node.slowAnswers = 0;
    node.lost = false;
    if (!node.isRefused()) {
      node.detail = "";
      mismatch(description).ifPresent(reason -> refuse(node, reason));
    }
  }

  private Optional<String> mismatch(DescribedNode node) {
    if (!node.failure().isEmpty()) {
      return Optional.of("its device failed: " + node.failure());
    }
    if (!node.modelDigest().equals(model.digest())) {
      return Optional.of("it serves checkpoint %s, expected %s".formatted(node.modelDigest(), model.digest()));
    }
    if (!node.numericsClass().equals(model.numericsClass())) {
      return Optional.of("its numerics class is %s, expected %s; mixed classes would make bits depend on the placement"
          .formatted(node.numericsClass(), model.numericsClass()));
    }
    return Optional.empty();
  }

  /// Leaves a node out until it starts anew.
  void refuse(Watched node, String reason) {
    LOG.warn("expert node {} at {} is left out: {}", node.description.map(DescribedNode::nodeId).orElse("?"),
        node.endpoint, reason);
    node.refusedIncarnation = node.description.map(DescribedNode::incarnation);
    node.detail = reason;
  }

  private void refuseDuplicates() {
    Map<String, Watched> byId = new TreeMap<>();
    for (Watched node : usable()) {
      Watched first = byId.putIfAbsent(node.description.orElseThrow().nodeId(), node);
      if (first != null) {
        refuse(node, "node id %s is already used by %s".formatted(node.description.orElseThrow().nodeId(),
            first.endpoint));
      }
    }
  }

  /// Nodes to plan with, by node id.
  List<Watched> usable() {
    return nodes.values().stream().filter(Watched::isUsable)
        .sorted(Comparator.comparing(node -> node.description.orElseThrow().nodeId())).toList();
  }

  /// Every node, usable or not.
  List<Watched> all() {
    return new ArrayList<>(nodes.values());
  }

  @Override
  public void close() {
    nodes.values().forEach(node -> node.control.close());
  }
}
