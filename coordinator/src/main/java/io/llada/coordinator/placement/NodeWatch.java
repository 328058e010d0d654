package io.llada.coordinator.placement;

import io.grpc.ChannelCredentials;
import io.llada.coordinator.placement.NodeControl.CallException;
import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Asks the nodes of a directory who they are, and keeps what each one said last. Used by the driver's thread alone.
final class NodeWatch implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NodeWatch.class);
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
    private Optional<Future<DescribedNode>> asked = Optional.empty();
    private Optional<Long> silentSince = Optional.empty();
    private boolean lost = true;
    private long foundAt;
    private Optional<String> namesake = Optional.empty();
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
      return namesake.map(other -> "node id %s is already used by %s; give one of them another --id, or end it"
          .formatted(nodeId(), other)).orElse(detail);
    }

    boolean isLost() {
      return lost;
    }

    boolean isRefused() {
      return namesake.isPresent() || isRefusedForGood();
    }

    private boolean isRefusedForGood() {
      return refusedIncarnation.isPresent() && description.map(DescribedNode::incarnation).equals(refusedIncarnation);
    }

    /// Whether another node with its id was there first.
    boolean hasNamesake() {
      return namesake.isPresent();
    }

    boolean isDraining() {
      return description.filter(DescribedNode::isDraining).isPresent();
    }

    /// Whether it does not answer at the moment.
    boolean isSilent() {
      return silentSince.isPresent();
    }

    /// Whether it can compute what it holds.
    boolean isServing() {
      return !lost && !isRefused() && description.isPresent();
    }

    /// Whether to plan with it.
    boolean isUsable() {
      return isServing() && !isDraining();
    }

    String nodeId() {
      return description.map(DescribedNode::nodeId).orElse(endpoint);
    }

    boolean holds(ShardId shard) {
      return isServing() && description.orElseThrow().held().contains(shard);
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

  /// Asks every node once, all at the same time. Nobody waits for a node that is silent already.
  ///
  /// @param isCovered whether all that a node holds is held by others too
  void look(Predicate<Watched> isCovered) {
    Set<String> endpoints = new HashSet<>(directory.endpoints());
    nodes.values().removeIf(node -> {
      boolean gone = !endpoints.contains(node.endpoint) && node.lost;
      if (gone) {
        node.control.close();
      }
      return gone;
    });
    endpoints.forEach(endpoint -> nodes.computeIfAbsent(endpoint,
        added -> new Watched(added, new NodeControl(added, credentials))));
    nodes.values().stream().filter(node -> node.asked.isEmpty()).forEach(
        node -> node.asked = Optional.of(calls.submit(() -> node.control.describe(settings.probeTimeout()))));
    nodes.values().forEach(this::note);
    nodes.values().forEach(node -> giveUp(node, isCovered));
    findNamesakes();
  }

  private void note(Watched node) {
    Future<DescribedNode> answer = node.asked.orElseThrow();
    if (node.isSilent() && !answer.isDone()) {
      return;
    }
    node.asked = Optional.empty();
    try {
      found(node, Calls.await(answer, settings.probeTimeout().multipliedBy(2)));
    } catch (CallException e) {
      node.detail = "does not answer: " + e.getMessage();
      if (e.kind() == CallException.Kind.UNREACHABLE) {
        lose(node);
      } else {
        node.silentSince = Optional.of(node.silentSince.orElseGet(System::nanoTime));
      }
    }
  }

  /// A silent node may be frozen for a while: what it holds alone is replaced soon, the rest when it stays away.
  private void giveUp(Watched node, Predicate<Watched> isCovered) {
    Duration silence = Duration.ofNanos(node.silentSince.map(since -> System.nanoTime() - since).orElse(0L));
    Duration patience = node.isServing() && isCovered.test(node) ? settings.coveredSilence() : settings.silence();
    if (silence.compareTo(patience) > 0) {
      lose(node);
    }
  }

  private static void lose(Watched node) {
    if (!node.lost) {
      LOG.warn("expert node {} at {} is lost: {}", node.nodeId(), node.endpoint, node.detail);
    }
    node.lost = true;
  }

  private void found(Watched node, DescribedNode description) {
    boolean same = node.description.map(DescribedNode::incarnation).filter(description.incarnation()::equals)
        .isPresent();
    if (!same || node.lost) {
      node.foundAt = System.nanoTime();
      LOG.info("expert node {} found at {}, capacity {} bytes", description.nodeId(), node.endpoint,
          description.capacityBytes());
    }
    node.description = Optional.of(description);
    node.silentSince = Optional.empty();
    node.lost = false;
    if (!node.isRefusedForGood()) {
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
    LOG.warn("expert node {} at {} is left out: {}", node.nodeId(),
        node.endpoint, reason);
    node.refusedIncarnation = node.description.map(DescribedNode::incarnation);
    node.detail = reason;
  }

  /// Of several nodes with one id that counts which was there first, for as long as it lives.
  private void findNamesakes() {
    Map<String, Watched> byId = new TreeMap<>();
    List<Watched> byAge = nodes.values().stream().filter(node -> !node.lost && !node.isRefusedForGood())
        .sorted(Comparator.comparingLong(node -> node.foundAt)).toList();
    for (Watched node : byAge) {
      Optional<String> first = Optional.ofNullable(byId.putIfAbsent(node.nodeId(), node)).map(Watched::endpoint);
      if (!first.equals(node.namesake)) {
        node.namesake = first;
        LOG.warn("expert node {} at {} {}", node.nodeId(), node.endpoint,
            first.isPresent() ? "is left out: " + node.detail() : "takes the place of another of its name");
      }
    }
  }

  /// Nodes to plan with, by node id.
  List<Watched> usable() {
    return nodes.values().stream().filter(Watched::isUsable)
        .sorted(Comparator.comparing(node -> node.description.orElseThrow().nodeId())).toList();
  }

  /// The node with this id that can compute what it holds.
  Optional<Watched> serving(String nodeId) {
    return nodes.values().stream().filter(node -> node.isServing() && node.nodeId().equals(nodeId)).findFirst();
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
