package io.llada.coordinator.simulation;

import io.llada.coordinator.dispatch.DispatchSettings;
import io.llada.coordinator.placement.Placement;
import io.llada.coordinator.placement.PlacementDriver;
import io.llada.coordinator.placement.PlacementGoals;
import io.llada.coordinator.placement.PlacementSettings;
import io.llada.coordinator.placement.Rebalancing;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ActivationType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;

/// A whole cluster on one thread: real planner, placement, dispatch, streams, stores and queues; virtual time and
/// network; everything drawn from one seed. Runs through faults, then heals and has to come to rest.
final class SimulatedCluster {
  static final int MAX_NODES = 6;

  private static final Duration BUDGET = Duration.ofSeconds(30);
  private static final long STEP = 250_000_000L;
  private static final long CALM_BOUND = 35_000_000_000L;
  private static final long CALM_NANOS = 1_500_000_000L;

  private final VirtualTime time;
  private final Random random;
  private final SimulatedNetwork network;
  private final SimulatedRegistry registry = new SimulatedRegistry();
  private final Invariants invariants;
  private final List<NodeProcess> nodes = new ArrayList<>();
  private final List<CoordinatorProcess> coordinators = new ArrayList<>();
  private final Map<String, NodeProcess> byId = new TreeMap<>();
  private final Map<String, Integer> heldMasks = new HashMap<>();
  private final boolean hasLeases;
  private final int replicas;
  private final int initialNodes;
  private final long capacityBytes;
  private final Rebalancing rebalancing;

  /// How a run ended.
  ///
  /// @param hash of all events: equal for equal runs
  /// @param plansForBalance plans that were thought of because nodes were uneven, carried out or not
  record Outcome(long seed, long hash, long events, int computed, int failed, int plansForBalance, long nanos) {}

  SimulatedCluster(long seed, Parts parts, VirtualTime.LogLines log) {
    time = new VirtualTime(seed, log);
    random = new Random(VirtualTime.mixed(seed));
    network = new SimulatedNetwork(time, seed);
    hasLeases = random.nextBoolean();
    initialNodes = 2 + random.nextInt(4);
    replicas = Math.min(initialNodes, 1 + random.nextInt(3));
    capacityBytes = capacity();
    rebalancing = rebalancing(seed);
    invariants = new Invariants(this, replicas, BUDGET);
    World world = new World(time, network, registry, parts, invariants);
    for (int i = 0; i < MAX_NODES; i++) {
      NodeProcess node = new NodeProcess(machine(i), world);
      nodes.add(node);
      byId.put(node.id(), node);
    }
    int count = 1 + random.nextInt(2);
    for (int i = 0; i < count; i++) {
      coordinators.add(new CoordinatorProcess(setting("coordinator-" + (char) ('a' + i)), world, random.nextLong()));
    }
  }

  /// Everything on every node, or what one node less could still hold, with a little room.
  private long capacity() {
    int shards = SimulatedModel.shards().size();
    int least = Math.min(shards, (shards * replicas + initialNodes - 2) / (initialNodes - 1) + 1);
    return (random.nextBoolean() ? shards : least) * SimulatedModel.SHARD_BYTES;
  }

  /// In every second cluster plans for balance come as fast as nobody would have them, so that they meet all else.
  private static Rebalancing rebalancing(long seed) {
    return seed % 2 == 0
        ? new Rebalancing(Rebalancing.USUAL.threshold(), Duration.ofSeconds(2), Duration.ofSeconds(5),
            Rebalancing.USUAL.maxShare(), Rebalancing.USUAL.halfLife())
        : Rebalancing.USUAL;
  }

  private NodeProcess.Machine machine(int number) {
    boolean isStranger = number == MAX_NODES - 1 && random.nextInt(8) == 0;
    return new NodeProcess.Machine("node-" + number, random.nextInt(3) == 0 ? "zone-" + number % 2 : "",
        isStranger ? "another-digest" : SimulatedModel.DIGEST, 1 + random.nextInt(6), 1 + random.nextInt(4),
        (1 + random.nextInt(10)) * 500_000L, (20 + random.nextInt(300)) * 1_000_000L);
  }

  private CoordinatorProcess.Setting setting(String id) {
    Duration probe = Duration.ofMillis(500);
    PlacementSettings placing = new PlacementSettings(id, PlacementGoals.of(replicas), probe, Duration.ofSeconds(1),
        Duration.ofMillis(300), Duration.ofSeconds(3), Duration.ofSeconds(3), Duration.ofSeconds(6),
        Duration.ofSeconds(15), rebalancing);
    DispatchSettings dispatch = new DispatchSettings(id, ActivationType.F32, 3 + random.nextInt(30),
        random.nextInt(6), BUDGET, Duration.ofSeconds(5), DispatchSettings.DEFAULT_OWNER_PATIENCE,
        DispatchSettings.DEFAULT_MAX_ATTEMPTS);
    return new CoordinatorProcess.Setting(
        hasLeases ? Optional.empty() : Optional.of(nodes.stream().map(NodeProcess::endpoint).toList()), placing,
        dispatch);
  }

  VirtualTime time() {
    return time;
  }

  SimulatedNetwork network() {
    return network;
  }

  SimulatedRegistry registry() {
    return registry;
  }

  List<NodeProcess> nodes() {
    return nodes;
  }

  List<CoordinatorProcess> coordinators() {
    return coordinators;
  }

  NodeProcess node(String id) {
    return byId.get(id);
  }

  boolean hasLeases() {
    return hasLeases;
  }

  int replicas() {
    return replicas;
  }

  /// Whether that many nodes hold everything, with a little room.
  boolean isEnough(long count) {
    return count >= Math.max(2, replicas)
        && count * (capacityBytes / SimulatedModel.SHARD_BYTES - 1) >= (long) SimulatedModel.shards().size() * replicas
        || count >= Math.max(2, replicas)
            && capacityBytes == SimulatedModel.shards().size() * SimulatedModel.SHARD_BYTES;
  }

  long capacityBytes() {
    return capacityBytes;
  }

  /// The shards a node holds, one bit each.
  int held(NodeProcess node) {
    return heldMasks.getOrDefault(node.id(), 0);
  }

  /// Runs the whole story.
  ///
  /// @throws InvariantViolation when something happened that must not
  Outcome run(long seed) {
    nodes.stream().limit(initialNodes)
        .forEach(node -> time.after(random.nextInt(700) * 1_000_000L, "faults", "start " + node.id(),
            () -> node.start(capacityBytes)));
    coordinators.forEach(coordinator -> time.after(random.nextInt(700) * 1_000_000L, "faults",
        "start " + coordinator.id(), () -> coordinator.start(1 + random.nextInt(2))));
    Faults faults = new Faults(this, random);
    long healAt = faults.plan();
    time.runUntil(healAt, this::afterEvent);
    faults.heal();
    afterEvent("faults");
    awaitCalm();
    return new Outcome(seed, time.hash(), time.events(), invariants.computed(), invariants.failed(),
        invariants.plansForBalance(), time.now());
  }

  private void afterEvent(String who) {
    NodeProcess node = byId.get(who);
    if (node != null) {
      heldMasks.put(who, mask(node));
    } else if (who.equals("faults")) {
      nodes.forEach(each -> heldMasks.put(each.id(), mask(each)));
    }
    for (CoordinatorProcess coordinator : coordinators) {
      if (!coordinator.isDead() && coordinator.id().equals(who)) {
        coordinator.advanceLayers();
      }
    }
    invariants.check(who);
  }

  private static int mask(NodeProcess node) {
    int mask = 0;
    if (!node.isDead()) {
      for (ShardId shard : node.inside().contents().shards()) {
        mask |= 1 << SimulatedModel.shards().indexOf(shard);
      }
    }
    return mask;
  }

  /// I12: with all faults gone, every shard has its replicas and all coordinators go by one plan, soon and for good.
  private void awaitCalm() {
    long healedAt = time.now();
    long calmSince = -1;
    while (calmSince < 0 || time.now() - calmSince < CALM_NANOS) {
      time.runUntil(time.now() + STEP, this::afterEvent);
      Optional<String> unrest = unrest();
      calmSince = unrest.isPresent() ? -1 : calmSince < 0 ? time.now() : calmSince;
      if (unrest.isPresent() && time.now() - healedAt > CALM_BOUND) {
        throw new InvariantViolation("I12", "%d s after the last fault %s".formatted(CALM_BOUND / 1_000_000_000,
            unrest.get()));
      }
    }
  }

  private Optional<String> unrest() {
    Placement first = coordinators.getFirst().cluster().placement().placement();
    for (CoordinatorProcess coordinator : coordinators) {
      PlacementDriver driver = coordinator.cluster().placement();
      if (!driver.underReplicated().isEmpty()) {
        return Optional.of("%s has %s with too few replicas: %s".formatted(coordinator.id(), driver.underReplicated(),
            driver.placement()));
      }
      if (!driver.placement().equals(first)) {
        return Optional.of("coordinators go by %s and %s".formatted(first, driver.placement()));
      }
    }
    return Optional.empty();
  }
}
