package io.llada.coordinator.placement;

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
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Asks the nodes of a directory who they are, and keeps what each one said last. Nothing waits: [#ask] and then
/// [#hasHeard] until it has. For one thread at a time.
final class NodeWatch implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NodeWatch.class);
  private final PlacementSettings settings;
  private final ExpertModel model;
  private final Surroundings around;
  private final LongSupplier nanoClock;
  private final Map<String, Watched> nodes = new TreeMap<>();

  /// One endpoint and what is known about the node behind it.
  static final class Watched {
    private final String endpoint;
    private final NodeCalls calls;
    private Optional<DescribedNode> description = Optional.empty();
    private Optional<Call<DescribedNode>> asked = Optional.empty();
    private Optional<Long> silentSince = Optional.empty();
    private boolean lost = true;
    private long foundAt;
    private Optional<String> namesake = Optional.empty();
    private String detail = "has not answered yet";
    private Optional<String> refusedIncarnation = Optional.empty();

    Watched(String endpoint, NodeCalls calls) {
      this.endpoint = endpoint;
      this.calls = calls;
    }

    String endpoint() {
      return endpoint;
    }

    NodeCalls calls() {
      return calls;
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

    /// Whether a plan is the latest it knows.
    boolean follows(PlanId plan) {
      return description.filter(node -> node.planned().id().equals(plan)).isPresent();
    }

    boolean holds(ShardId shard) {
      return isServing() && description.orElseThrow().held().contains(shard);
    }
  }

  NodeWatch(PlacementSettings settings, ExpertModel model, Surroundings around) {
    this.settings = settings;
    this.model = model;
    this.around = around;
    nanoClock = around.nanoClock();
  }

  /// Asks every node once, all at the same time.
  ///
  /// @param onAnswer called with every answer, on any thread; must not block
  void ask(Runnable onAnswer) {
    Set<String> endpoints = new HashSet<>(around.directory().endpoints());
    nodes.values().removeIf(node -> {
      boolean gone = !endpoints.contains(node.endpoint) && node.lost;
      if (gone) {
        LOG.info("event=node_forgotten node={} endpoint={}", node.nodeId(), node.endpoint);
        node.calls.close();
      }
      return gone;
    });
    endpoints.forEach(endpoint -> nodes.computeIfAbsent(endpoint,
        added -> new Watched(added, around.control().apply(added))));
    nodes.values().stream().filter(node -> node.asked.isEmpty()).forEach(node -> {
      node.asked = Optional.of(Call.begun(node.calls.describe(settings.probeTimeout()),
          settings.probeTimeout().multipliedBy(2), nanoClock.getAsLong()));
      node.asked.get().answer().whenComplete((description, failure) -> onAnswer.run());
    });
  }

  /// Takes note of the answers when they are all there. Nobody waits for a node that is silent already.
  ///
  /// @param isCovered whether all that a node holds is held by others too
  /// @return whether they were there
  boolean hasHeard(Predicate<Watched> isCovered) {
    long now = nanoClock.getAsLong();
    if (nodes.values().stream().anyMatch(node -> !node.isSilent() && isAsked(node, now))) {
      return false;
    }
    nodes.values().stream().filter(node -> !isAsked(node, now)).forEach(this::note);
    nodes.values().forEach(node -> giveUp(node, isCovered));
    findNamesakes();
    return true;
  }

  private static boolean isAsked(Watched node, long now) {
    return node.asked.filter(call -> !call.isOver(now)).isPresent();
  }

  private void note(Watched node) {
    Call<DescribedNode> call = node.asked.orElseThrow();
    node.asked = Optional.empty();
    try {
      found(node, call.result());
    } catch (CallException e) {
      node.detail = "does not answer: " + e.getMessage();
      if (e.kind() == CallException.Kind.UNREACHABLE) {
        lose(node);
      } else {
        if (!node.isSilent() && !node.lost) {
          LOG.warn("event=node_silent node={} endpoint={}", node.nodeId(), node.endpoint);
        }
        node.silentSince = Optional.of(node.silentSince.orElseGet(nanoClock::getAsLong));
      }
    }
  }

  /// A silent node may be frozen for a while: what it holds alone is replaced soon, the rest when it stays away.
  private void giveUp(Watched node, Predicate<Watched> isCovered) {
    Duration silence = Duration.ofNanos(node.silentSince.map(since -> nanoClock.getAsLong() - since).orElse(0L));
    Duration patience = node.isServing() && isCovered.test(node) ? settings.coveredSilence() : settings.silence();
    if (silence.compareTo(patience) > 0) {
      lose(node);
    }
  }

  private static void lose(Watched node) {
    if (!node.lost) {
      if (node.isDraining()) {
        LOG.info("event=node_left node={} endpoint={}", node.nodeId(), node.endpoint);
      } else {
        LOG.warn("event=node_lost node={} endpoint={} held={} reason=\"{}\"", node.nodeId(), node.endpoint,
            node.description.map(described -> described.held().size()).orElse(0), node.detail);
      }
    }
    node.lost = true;
  }

  private void found(Watched node, DescribedNode description) {
    boolean same = node.description.map(DescribedNode::incarnation).filter(description.incarnation()::equals)
        .isPresent();
    if (!same || node.lost) {
      node.foundAt = nanoClock.getAsLong();
      LOG.info("event=node_joined node={} endpoint={} zone={} capacity_bytes={} held={} bytes={}", description.nodeId(),
          node.endpoint, description.zone(), description.capacityBytes(), description.held().size(),
          description.weightBytes());
    }
    if (description.isDraining() && !(same && node.isDraining())) {
      LOG.info("event=node_draining node={} endpoint={} held={}", description.nodeId(), node.endpoint,
          description.held().size());
    }
    if (node.isSilent()) {
      LOG.info("event=node_heard node={} endpoint={}", description.nodeId(), node.endpoint);
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
    LOG.warn("event=node_refused node={} endpoint={} reason=\"{}\"", node.nodeId(), node.endpoint, reason);
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
        LOG.warn("event={} node={} endpoint={}{}", first.isPresent() ? "node_refused" : "node_takes_over",
            node.nodeId(), node.endpoint, first.isPresent() ? " reason=\"" + node.detail() + "\"" : "");
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

  /// Nodes that can compute what they hold.
  List<Watched> serving() {
    return nodes.values().stream().filter(Watched::isServing).toList();
  }

  /// Every node, usable or not.
  List<Watched> all() {
    return new ArrayList<>(nodes.values());
  }

  @Override
  public void close() {
    nodes.values().forEach(node -> node.calls.close());
  }
}
