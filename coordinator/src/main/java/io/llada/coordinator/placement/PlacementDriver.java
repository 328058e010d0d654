package io.llada.coordinator.placement;

import io.grpc.ChannelCredentials;
import io.llada.cluster.HeldShard;
import io.llada.cluster.PlacementRecord;
import io.llada.cluster.Registry;
import io.llada.cluster.RegistryUnavailableException;
import io.llada.coordinator.placement.NodeWatch.Watched;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps every shard on a living node: watches the nodes and carries a new plan out when they change.
///
/// Make before break: prepare on all nodes, swap the snapshot, activate. One thread, `placement-driver`, owns all of
/// it; what others may ask is a volatile snapshot. Nothing here holds up a forward pass.
public final class PlacementDriver implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PlacementDriver.class);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration COVERED_POLL = Duration.ofMillis(10);
  private static final int MAX_DEBOUNCES = 10;

  private final PlacementSettings settings;
  private final ExpertModel model;
  private final NodeDirectory directory;
  private final NodeLinks links;
  private final Optional<Registry> registry;
  private final PlacementPlanner planner;
  private final NodeWatch watch;
  private final ExecutorService calls = Executors
      .newThreadPerTaskExecutor(Thread.ofVirtual().name("placement-call-", 0).factory());
  private final BlockingQueue<Boolean> wakeUps = new LinkedBlockingQueue<>(1);
  private final Thread thread;
  private final long startedAt = System.nanoTime();
  private Set<String> plannedLives = Set.of();
  private Map<String, String> connected = Map.of();
  private volatile Placement placement = Placement.NONE;
  private volatile Map<String, NodeStatus> nodes = Map.of();
  private volatile boolean closed;

  /// @param links the data connections, opened before a placement needs them
  /// @param registry where the placement is published for others to see
  public PlacementDriver(PlacementSettings settings, ExpertModel model, NodeDirectory directory, NodeLinks links,
      ChannelCredentials credentials, Optional<Registry> registry) {
    this.settings = settings;
    this.model = model;
    this.directory = directory;
    this.links = links;
    this.registry = registry;
    planner = new PlacementPlanner(model.shards(), model.shardBytes());
    watch = new NodeWatch(settings, model, directory, credentials, calls);
    thread = Thread.ofPlatform().name("placement-driver").daemon().unstarted(this::run);
  }

  public void start() {
    thread.start();
  }

  /// Looks at the nodes now; called when a connection broke.
  public void wake() {
    wakeUps.offer(true);
  }

  /// The placement to dispatch by.
  public Placement placement() {
    return placement;
  }

  /// Shards without a living owner, ascending.
  public List<ShardId> missing() {
    Placement current = placement;
    Map<String, NodeStatus> known = nodes;
    return model.shards().stream()
        .filter(shard -> current.owners(shard).stream().noneMatch(owner -> isAlive(owner, known))).toList();
  }

  /// A node that left the directory counts as long as it can be reached: it drains.
  private boolean isAlive(String nodeId, Map<String, NodeStatus> known) {
    NodeStatus node = known.get(nodeId);
    return node == null
        ? links.status(nodeId).filter(NodeLinks.LinkStatus::isReady).isPresent()
        : node.state() != NodeStatus.State.LOST && node.state() != NodeStatus.State.REFUSED;
  }

  public boolean coversEveryShard() {
    return missing().isEmpty();
  }

  /// Waits until every shard has a living owner.
  ///
  /// @return whether that came true within the bound
  public boolean awaitCovered(Duration bound) throws InterruptedException {
    long deadline = System.nanoTime() + bound.toNanos();
    while (!coversEveryShard()) {
      if (System.nanoTime() >= deadline) {
        return false;
      }
      Thread.sleep(COVERED_POLL);
    }
    return true;
  }

  /// Every known node, by endpoint.
  public List<NodeStatus> nodes() {
    return nodes.values().stream().map(this::withLink).sorted((a, b) -> a.endpoint().compareTo(b.endpoint())).toList();
  }

  private NodeStatus withLink(NodeStatus node) {
    Optional<NodeLinks.LinkStatus> link = links.status(node.nodeId());
    if (link.isEmpty()) {
      return node;
    }
    boolean broken = node.state() == NodeStatus.State.READY && !link.get().isReady();
    return new NodeStatus(node.nodeId(), node.endpoint(), broken ? NodeStatus.State.SUSPECT : node.state(),
        node.shards(), node.weightBytes(), link.get().queueDepth(), link.get().roundTripMicros(),
        link.get().wireBytes(), node.device(),
        broken ? "its data connection is down" : node.detail());
  }

  private void run() {
    while (!closed) {
      try {
        round();
        wakeUps.poll(settings.probeInterval().toNanos(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException e) {
        LOG.error("a placement round failed, trying again in {}", settings.probeInterval(), e);
        pauseAfterFailure();
      }
    }
  }

  private void pauseAfterFailure() {
    try {
      Thread.sleep(settings.probeInterval());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      closed = true;
    }
  }

  private void round() throws InterruptedException {
    watch.look();
    note();
    if ((!lives().equals(plannedLives) || !isHeld()) && !isGathering()) {
      settle();
      List<Watched> usable = watch.usable();
      Set<String> lives = lives();
      if (usable.isEmpty() || carryOut(usable)) {
        plannedLives = lives;
      }
      watch.look();
      note();
    }
  }

  /// Whether the nodes still hold what they were given; another coordinator may have told them otherwise.
  private boolean isHeld() {
    Map<String, Set<ShardId>> held = watch.usable().stream().map(node -> node.description().orElseThrow())
        .collect(Collectors.toMap(DescribedNode::nodeId, DescribedNode::held));
    return placement.owners().entrySet().stream().allMatch(entry -> entry.getValue().stream()
        .allMatch(owner -> held.getOrDefault(owner, Set.of()).contains(entry.getKey())));
  }

  /// Before the first plan: nodes that start together should not be planned for one by one.
  private boolean isGathering() {
    return placement.epoch() == 0 && (watch.usable().isEmpty() || watch.all().stream().anyMatch(Watched::isLost))
        && System.nanoTime() - startedAt < settings.gatherTimeout().toNanos();
  }

  private void settle() throws InterruptedException {
    Set<String> before = lives();
    for (int i = 0; i < MAX_DEBOUNCES; i++) {
      Thread.sleep(settings.debounce());
      watch.look();
      note();
      if (lives().equals(before)) {
        return;
      }
      before = lives();
    }
  }

  private Set<String> lives() {
    return watch.usable().stream().map(node -> node.endpoint() + " " + node.description().orElseThrow().incarnation())
        .collect(Collectors.toSet());
  }

  /// Plans for these nodes and makes it so.
  ///
  /// @return whether it is done; if not, the next round tries again with what it finds
  private boolean carryOut(List<Watched> usable) {
    Map<String, Watched> byId = new TreeMap<>();
    usable.forEach(node -> byId.put(node.description().orElseThrow().nodeId(), node));
    Plan plan = planner.plan(byId.values().stream().map(PlacementDriver::plannable).toList());
    if (!plan.unplaced().isEmpty()) {
      LOG.warn("{} of {} shards have no room on {}, first {}; each takes {} bytes: add nodes or memory",
          plan.unplaced().size(), model.shards().size(), byId.keySet(), plan.unplaced().getFirst(), model.shardBytes());
    }
    Map<String, String> endpoints = byId.values().stream()
        .collect(Collectors.toMap(node -> node.description().orElseThrow().nodeId(), Watched::endpoint));
    connect(endpoints);
    Optional<Long> held = epochThatHolds(plan, byId);
    if (held.isPresent()) {
      swap(held.get(), plan);
      disconnectAllBut(endpoints);
      return true;
    }
    long epoch = byId.values().stream().mapToLong(node -> node.description().orElseThrow().epoch())
        .reduce(placement.epoch(), Math::max) + 1;
    Rollout rollout = new Rollout(epoch, plan, byId, model.digest(), settings.prepareTimeout(), calls);
    LOG.info("epoch {}: placing {} shards on {}", epoch, model.shards().size() - plan.unplaced().size(), byId.keySet());
    Map<Watched, String> refusals = new LinkedHashMap<>();
    boolean prepared = rollout.prepare(refusals::put);
    refusals.forEach(watch::refuse);
    if (prepared) {
      swap(epoch, plan);
      rollout.activate();
      disconnectAllBut(endpoints);
    }
    return prepared;
  }

  /// Connects to new nodes and keeps the old ones: a node that leaves serves until others have loaded its shards.
  private void connect(Map<String, String> endpoints) {
    Map<String, String> both = new HashMap<>(connected);
    both.putAll(endpoints);
    connected = Map.copyOf(both);
    links.retain(connected);
  }

  private void disconnectAllBut(Map<String, String> endpoints) {
    connected = Map.copyOf(endpoints);
    links.retain(connected);
  }

  private static PlacementPlanner.Node plannable(Watched node) {
    DescribedNode described = node.description().orElseThrow();
    return new PlacementPlanner.Node(described.nodeId(), described.capacityBytes(), described.held());
  }

  /// The epoch at which the nodes hold this very plan already: another coordinator, or an earlier life of this one,
  /// carried it out.
  private Optional<Long> epochThatHolds(Plan plan, Map<String, Watched> byId) {
    Set<Long> epochs = byId.values().stream().map(node -> node.description().orElseThrow().epoch())
        .collect(Collectors.toSet());
    boolean held = epochs.size() == 1 && plan.shardsOf().entrySet().stream().allMatch(
        entry -> byId.get(entry.getKey()).description().orElseThrow().held().equals(Set.copyOf(entry.getValue())));
    return epochs.stream().filter(epoch -> held && epoch > 0 && epoch >= placement.epoch()).findFirst();
  }

  private void swap(long epoch, Plan plan) {
    Map<ShardId, List<String>> owners = new HashMap<>();
    plan.shardsOf().forEach((nodeId, shards) -> shards.forEach(shard -> owners.put(shard, List.of(nodeId))));
    placement = new Placement(epoch, owners);
    LOG.info("epoch {} is in use", epoch);
    registry.ifPresent(shared -> calls.execute(() -> publish(shared, epoch, owners)));
  }

  private void publish(Registry shared, long epoch, Map<ShardId, List<String>> owners) {
    try {
      shared.publish(new PlacementRecord(epoch, settings.plannerId(),
          new TreeMap<>(owners).entrySet().stream()
              .map(entry -> new PlacementRecord.Assignment(
                  new HeldShard(entry.getKey().layer(), entry.getKey().group()), entry.getValue()))
              .toList()));
    } catch (RegistryUnavailableException e) {
      LOG.info("epoch {} is in use but not published: {}", epoch, e.getMessage());
    }
  }

  private void note() {
    Set<String> placed = placement.owners().values().stream().flatMap(List::stream).collect(Collectors.toSet());
    Map<String, NodeStatus> known = new HashMap<>();
    for (Watched node : watch.all()) {
      String nodeId = node.description().map(DescribedNode::nodeId).orElse(node.endpoint());
      NodeStatus status = new NodeStatus(nodeId, node.endpoint(), state(node, placed),
          node.description().map(described -> described.held().size()).orElse(0),
          node.description().map(DescribedNode::weightBytes).orElse(0L), 0, 0, 0,
          node.description().map(DescribedNode::device).orElse(""), node.detail());
      // Of two endpoints under one node id, the one that is used counts.
      known.merge(nodeId, status, (a, b) -> a.state().compareTo(b.state()) <= 0 ? a : b);
    }
    nodes = Map.copyOf(known);
  }

  private NodeStatus.State state(Watched node, Set<String> placed) {
    if (node.isLost()) {
      return NodeStatus.State.LOST;
    }
    if (node.isRefused()) {
      return NodeStatus.State.REFUSED;
    }
    boolean isNewLife = !plannedLives.contains(node.endpoint() + " " + node.description().orElseThrow().incarnation());
    boolean inUse = node.description().map(DescribedNode::nodeId).filter(placed::contains).isPresent() && !isNewLife;
    return inUse ? NodeStatus.State.READY : NodeStatus.State.LOADING;
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    try {
      thread.join(CLOSE_TIMEOUT.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    calls.shutdownNow();
    watch.close();
  }
}
