package io.llada.coordinator.simulation;

import io.llada.coordinator.placement.Placement;
import io.llada.coordinator.placement.PlacementPlanner.Node;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.coordinator.placement.Planner;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertsUnavailableException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// What must hold after every event. Numbered as in the README.
final class Invariants {
  /// What a request may take beyond its budget: one wait.
  private static final long BUDGET_SLACK = 200_000_000L;
  /// The most a joiner may load in its fair share.
  private static final double UNEVEN = 1.5;
  private static final double JOIN_SHARE = 1.1;

  private final SimulatedCluster cluster;
  private final int replicas;
  private final Duration budget;
  private final Map<String, Placement> placements = new HashMap<>();
  private final Map<String, Map<String, List<Set<ShardId>>>> heard = new HashMap<>();
  private final Outages outages;
  private int plans;
  private int plansForBalance;
  private int computed;
  private int failed;

  Invariants(SimulatedCluster cluster, int replicas, Duration budget) {
    this.cluster = cluster;
    this.replicas = replicas;
    this.budget = budget;
    outages = new Outages(cluster);
  }

  /// Plans that were thought of because nodes were uneven, carried out or not.
  int plansForBalance() {
    return plansForBalance;
  }

  int computed() {
    return computed;
  }

  int failed() {
    return failed;
  }

  private static void require(boolean holds, String invariant, String message, Object... arguments) {
    if (!holds) {
      throw new InvariantViolation(invariant, message.formatted(arguments));
    }
  }

  /// Looks at everything an event may have changed.
  void check(String who) {
    for (NodeProcess node : cluster.nodes()) {
      if (node.id().equals(who)) {
        checkNode(node);
      }
    }
    for (CoordinatorProcess coordinator : cluster.coordinators()) {
      if (!coordinator.isDead()) {
        checkPlacement(coordinator);
        checkDeadlines(coordinator);
      }
    }
    outages.look();
  }

  /// I6: memory; I12: nothing is unloaded that a coordinator with an open stream may ask for.
  private void checkNode(NodeProcess node) {
    require(node.loadedBytes() <= node.capacityBytes(), "I6", "node %s holds %d bytes of %d", node.id(),
        node.loadedBytes(), node.capacityBytes());
  }

  /// Called around the moment at which a node lets go of shards because nobody can ask for them any more.
  void unloaded(NodeProcess node, Collection<ShardId> before) {
    Set<ShardId> gone = new HashSet<>(before);
    node.inside().contents().shards().forEach(gone::remove);
    if (gone.isEmpty()) {
      return;
    }
    for (CoordinatorProcess coordinator : cluster.coordinators()) {
      if (!coordinator.isDead() && cluster.network().isConnected(coordinator.id(), node.endpoint())) {
        Placement placement = coordinator.cluster().placement().placement();
        for (ShardId shard : gone) {
          require(!placement.owners(shard).contains(node.id()), "unload",
              "node %s unloaded %s, which %s may still ask it for at epoch %d", node.id(), shard, coordinator.id(),
              placement.epoch());
        }
      }
    }
  }

  /// I4: only what was reported READY; I5: only our checkpoint; I8: distinct nodes; I10: epochs do not go back.
  private void checkPlacement(CoordinatorProcess coordinator) {
    Placement current = coordinator.cluster().placement().placement();
    Placement before = placements.put(coordinator.id(), current);
    if (current == before) {
      return;
    }
    require(before == null || current.epoch() >= before.epoch(), "I10", "%s went from epoch %d back to %d",
        coordinator.id(), before == null ? 0 : before.epoch(), current.epoch());
    current.owners().forEach((shard, owners) -> {
      require(new HashSet<>(owners).size() == owners.size(), "I8", "%s has owners %s", shard, owners);
      for (String owner : owners) {
        require(cluster.node(owner).digest().equals(SimulatedModel.DIGEST), "I5", "%s of another checkpoint owns %s",
            owner, shard);
        require(reports(coordinator.id(), owner).stream().anyMatch(held -> held.contains(shard)), "I4",
            "%s dispatches %s to %s, which did not report it", coordinator.id(), shard, owner);
      }
    });
  }

  private List<Set<ShardId>> reports(String coordinator, String node) {
    return heard.computeIfAbsent(coordinator, id -> new HashMap<>()).computeIfAbsent(node, id -> new ArrayList<>());
  }

  /// A node's description arrived. The last two count: a coordinator looks at one only when all have come.
  void heard(String coordinator, String node, List<ShardId> held) {
    List<Set<ShardId>> reports = reports(coordinator, node);
    reports.add(Set.copyOf(held));
    if (reports.size() > 2) {
      reports.removeFirst();
    }
  }

  void ended(String coordinator) {
    placements.remove(coordinator);
    heard.remove(coordinator);
  }

  /// I3: nobody waits beyond the budget.
  private void checkDeadlines(CoordinatorProcess coordinator) {
    for (LayerRequest request : coordinator.requests()) {
      require(cluster.time().now() - request.startedAt() <= budget.toNanos() + BUDGET_SLACK, "I3",
          "%s has waited for layer %d since %d", coordinator.id(), request.work().layer(), request.startedAt());
    }
  }

  /// I1, I2, I11: what came out is the reference, whatever was asked twice, came late or came twice.
  void computed(CoordinatorProcess coordinator, LayerRequest request, float[] combined) {
    computed++;
    float[] expected = request.work().expected();
    require(Arrays.equals(combined, expected), "I2", "%s computed layer %d as %s, expected %s", coordinator.id(),
        request.work().layer(), Arrays.toString(combined), Arrays.toString(expected));
  }

  /// I3: an error names layer and groups; I12: a request may fail only if a shard of it was away for long.
  void failed(CoordinatorProcess coordinator, LayerRequest request, ExpertsUnavailableException error) {
    failed++;
    require(error.getMessage().startsWith("layer " + request.work().layer() + " groups [")
        && error.getMessage().contains("node"), "I3", "an error names layer, groups and node, found: %s",
        error.getMessage());
    require(outages.excuse(coordinator.id(), request), "I12",
        "%s failed although a replica was there or came back in time: %s", coordinator.id(), error.getMessage());
  }

  /// I9: the order of the nodes does not matter; I6, I8: a plan fits; I7: a joiner loads its share and nobody else
  /// anything.
  Planner checked(Planner planner) {
    return (nodes, terms) -> {
      Plan plan = planner.plan(nodes, terms);
      plans++;
      plansForBalance += terms.maxMoves() < Integer.MAX_VALUE ? 1 : 0;
      if (plans % 4 == 0) {
        List<Node> turned = new ArrayList<>(nodes);
        Collections.reverse(turned);
        require(planner.plan(turned, terms).equals(plan), "I9", "another order of %s gives another plan", nodes);
      }
      for (Node node : nodes) {
        List<ShardId> shards = plan.shardsOf().getOrDefault(node.nodeId(), List.of());
        require(new HashSet<>(shards).size() == shards.size(), "I8", "node %s is to hold %s", node.nodeId(), shards);
        require(shards.size() * SimulatedModel.SHARD_BYTES <= node.capacityBytes(), "I6",
            "node %s is to hold %d shards in %d bytes", node.nodeId(), shards.size(), node.capacityBytes());
      }
      checkJoin(nodes, plan);
      return plan;
    };
  }

  /// Whether a node has no layer that is to be evened out, joiner or not: placed by other speeds before.
  private boolean isEven(Node node, int nodes) {
    Map<Integer, Long> groups = SimulatedModel.shards().stream()
        .collect(Collectors.groupingBy(ShardId::layer, Collectors.counting()));
    return groups.keySet().stream().allMatch(layer -> node.held().stream().filter(shard -> shard.layer() == layer)
        .count() <= UNEVEN * groups.get(layer) * replicas / nodes);
  }

  private void checkJoin(Collection<Node> nodes, Plan plan) {
    List<Node> joined = nodes.stream().filter(node -> node.held().isEmpty()).toList();
    // To spread replicas over zones others may load too.
    boolean wasQuiet = joined.size() == 1 && nodes.size() > replicas
        && nodes.stream().mapToDouble(Node::speed).distinct().count() == 1
        && nodes.stream().allMatch(node -> isEven(node, nodes.size()))
        && nodes.stream().map(Node::zone).distinct().count() == 1 && SimulatedModel.shards().stream()
            .allMatch(shard -> nodes.stream().filter(node -> node.held().contains(shard)).count() == replicas)
        && nodes.stream().allMatch(node -> node.held().size() * SimulatedModel.SHARD_BYTES <= node.capacityBytes());
    if (wasQuiet) {
      double share = (double) SimulatedModel.shards().size() * replicas / nodes.size();
      require(plan.loads() <= JOIN_SHARE * share + 1, "I7", "%s joins and %d shards are loaded, its share is %.1f",
          joined.getFirst().nodeId(), plan.loads(), share);
    }
  }
}
