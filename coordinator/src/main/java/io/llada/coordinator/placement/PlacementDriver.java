package io.llada.coordinator.placement;

import io.llada.cluster.HeldShard;
import io.llada.cluster.PlacementRecord;
import io.llada.cluster.Registry;
import io.llada.cluster.RegistryUnavailableException;
import io.llada.coordinator.placement.NodeWatch.Watched;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps every shard on living nodes: watches them, makes a plan when they change and carries it out.
///
/// What dispatch goes by is derived in every round from what the nodes hold, so that a shard is used as soon as it is
/// loaded, and one of the old placement for as long as the new one is not complete. Nothing here waits: [#advance] does
/// what is due, for one thread at a time, and [PlacementThread] calls it; what others may ask is a volatile snapshot.
public final class PlacementDriver implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PlacementDriver.class);
  private static final Duration COVERED_POLL = Duration.ofMillis(10);
  private static final int MAX_DEBOUNCES = 10;
  /// How long another coordinator's plan may take to reach every node before this one plans anew.
  private static final Duration ADOPTION_PATIENCE = Duration.ofSeconds(2);

  private final PlacementSettings settings;
  private final ExpertModel model;
  private final NodeLinks links;
  private final Surroundings around;
  private final LongSupplier nanoClock;
  private final NodeWatch watch;
  private final AtomicBoolean lookNow = new AtomicBoolean(true);
  private final long startedAt;
  private boolean isLooking;
  private long nextLookAt;
  private Rollout rollout;
  private Set<String> plannedLives = Set.of();
  private Optional<Long> otherPlanSince = Optional.empty();
  private Optional<Settling> settling = Optional.empty();
  private long publishedEpoch;
  private volatile Placement placement = Placement.NONE;
  private volatile Map<String, NodeStatus> nodes = Map.of();
  private volatile Runnable onWork = () -> {};

  /// Nodes that have changed, and since when they have not.
  ///
  /// @param lives the nodes
  /// @param since when the last of them came or went
  /// @param begunAt when the first did
  private record Settling(Set<String> lives, long since, long begunAt) {}

  /// @param links the data connections, opened before a placement needs them
  public PlacementDriver(PlacementSettings settings, ExpertModel model, NodeLinks links, Surroundings around) {
    this.settings = settings;
    this.model = model;
    this.links = links;
    this.around = around;
    nanoClock = around.nanoClock();
    startedAt = nanoClock.getAsLong();
    watch = new NodeWatch(settings, model, around);
    rollout = new Rollout(Target.NONE, settings, model, nanoClock);
  }

  /// Calls back when [#advance] should be called before its time, on any thread; the callback must not block.
  public void onWork(Runnable alarm) {
    onWork = alarm;
  }

  /// Has the nodes looked at soon; called when a connection broke.
  public void wake() {
    lookNow.set(true);
    onWork.run();
  }

  /// The placement to dispatch by.
  public Placement placement() {
    return placement;
  }

  /// Shards without a living owner, ascending.
  public List<ShardId> missing() {
    return withFewerOwnersThan(1);
  }

  /// Shards with fewer living owners than wanted, as far as there are nodes, ascending.
  public List<ShardId> underReplicated() {
    long alive = nodes.values().stream()
        .filter(node -> node.state() != NodeStatus.State.DRAINING && isAlive(node)).count();
    return withFewerOwnersThan(Math.clamp(alive, 1, settings.goals().replicas()));
  }

  private List<ShardId> withFewerOwnersThan(int wanted) {
    Placement current = placement;
    Map<String, NodeStatus> known = nodes;
    return model.shards().stream()
        .filter(shard -> current.owners(shard).stream().filter(owner -> isAlive(owner, known)).count() < wanted)
        .toList();
  }

  /// A node that left the directory counts as long as it can be reached.
  private boolean isAlive(String nodeId, Map<String, NodeStatus> known) {
    NodeStatus node = known.get(nodeId);
    return node == null
        ? links.status(nodeId).filter(NodeLinks.LinkStatus::isReady).isPresent()
        : isAlive(node);
  }

  private static boolean isAlive(NodeStatus node) {
    return node.state() != NodeStatus.State.LOST && node.state() != NodeStatus.State.REFUSED;
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
    if (link.isEmpty() || node.state() == NodeStatus.State.REFUSED) {
      return node;
    }
    boolean broken = node.state() == NodeStatus.State.READY && (!link.get().isReady() || link.get().isSuspect());
    return new NodeStatus(node.nodeId(), node.endpoint(), broken ? NodeStatus.State.SUSPECT : node.state(),
        node.shards(), node.weightBytes(), link.get().queueDepth(), link.get().roundTripMicros(),
        link.get().wireBytes(), node.device(),
        broken ? link.get().isReady() ? "it is silent or late" : "its data connection is down" : node.detail());
  }

  /// Does what is due: asks the nodes, or goes by what they have answered.
  ///
  /// @return nanoseconds until it is to be called again, unless there is work before
  public long advance() {
    long now = nanoClock.getAsLong();
    if (!isLooking && (lookNow.get() || now - nextLookAt >= 0)) {
      lookNow.set(false);
      isLooking = true;
      watch.ask(() -> onWork.run());
    }
    if (isLooking && watch.hasHeard(this::isCovered)) {
      isLooking = false;
      nextLookAt = now + settings.probeInterval().toNanos();
      round(now);
    }
    if (isLooking) {
      return settings.probeInterval().toNanos();
    }
    return lookNow.get() ? 0 : Math.max(0, nextLookAt - now);
  }

  private void round(long now) {
    refresh();
    adopt();
    if (!isPlanDue() || isGathering()) {
      settling = Optional.empty();
    } else if (isSettled(now)) {
      settling = Optional.empty();
      plan();
    } else {
      nextLookAt = now + settings.debounce().toNanos();
    }
    rollout.advance(servingNodes(), placement, watch::refuse);
    refresh();
    publishOnce();
  }

  /// Whether no node has come or gone for a while, or they never stop to.
  private boolean isSettled(long now) {
    Settling before = settling.orElse(new Settling(Set.of(), now, now));
    Set<String> lives = lives();
    settling = Optional.of(lives.equals(before.lives) ? before : new Settling(lives, now, before.begunAt));
    Duration longest = settings.debounce().multipliedBy(MAX_DEBOUNCES);
    return now - settling.get().since >= settings.debounce().toNanos() || now - before.begunAt >= longest.toNanos();
  }

  private boolean isCovered(Watched node) {
    return node.description().orElseThrow().held().stream().allMatch(shard -> {
      List<String> owners = placement.owners(shard);
      return !owners.contains(node.nodeId()) || owners.stream().anyMatch(
          owner -> !owner.equals(node.nodeId()) && watch.serving(owner).filter(other -> !other.isSilent()).isPresent());
    });
  }

  private Map<String, Watched> servingNodes() {
    return watch.all().stream().filter(Watched::isServing)
        .collect(Collectors.toMap(Watched::nodeId, node -> node, (a, b) -> a));
  }

  /// Takes up the plan of another coordinator, or of an earlier life of this one, when all nodes follow it.
  private void adopt() {
    List<DescribedNode> described = watch.usable().stream().map(node -> node.description().orElseThrow()).toList();
    PlanId latest = described.stream().map(node -> node.planned().id()).max(Comparator.naturalOrder())
        .orElse(PlanId.NONE);
    if (latest.compareTo(rollout.target().id()) <= 0) {
      otherPlanSince = Optional.empty();
      return;
    }
    otherPlanSince = Optional.of(otherPlanSince.orElseGet(nanoClock::getAsLong));
    Target theirs = Target.of(latest, described);
    boolean isFollowed = described.stream().allMatch(node -> node.planned().id().equals(latest));
    if (isFollowed && theirs.owners().keySet().containsAll(model.shards()) && isAsGoodAsOurs(theirs)) {
      LOG.info("epoch {} of {} is taken up", latest.epoch(), latest.plannerId());
      begin(theirs);
    }
  }

  private boolean isAsGoodAsOurs(Target theirs) {
    Plan ours = around.planner().plan(watch.usable().stream()
        .map(node -> plannable(node).holding(theirs.shardsOf().get(node.nodeId()))).toList());
    return theirs.replicas() >= ours.shardsOf().values().stream().mapToInt(List::size).sum();
  }

  private void begin(Target target) {
    rollout = new Rollout(target, settings, model, nanoClock);
    plannedLives = lives();
    otherPlanSince = Optional.empty();
  }

  private boolean isPlanDue() {
    boolean isOvertaken = otherPlanSince
        .filter(since -> nanoClock.getAsLong() - since > ADOPTION_PATIENCE.toNanos()).isPresent();
    return !watch.usable().isEmpty() && (!lives().equals(plannedLives) && otherPlanSince.isEmpty() || isOvertaken);
  }

  /// Before the first plan: nodes that start together should not be planned for one by one.
  private boolean isGathering() {
    return rollout.target().id().equals(PlanId.NONE) && watch.all().stream().anyMatch(Watched::isLost)
        && nanoClock.getAsLong() - startedAt < settings.gatherTimeout().toNanos();
  }

  private Set<String> lives() {
    return watch.usable().stream().map(node -> node.endpoint() + " " + node.description().orElseThrow().incarnation()
        + (outOfReach(node).isEmpty() ? "" : ", which waits for others to load")).collect(Collectors.toSet());
  }

  private void plan() {
    List<Watched> usable = watch.usable();
    if (usable.isEmpty()) {
      return;
    }
    Plan plan = around.planner().plan(usable.stream().map(this::plannable).toList());
    long epoch = usable.stream().mapToLong(node -> node.description().orElseThrow().planned().id().epoch())
        .reduce(rollout.target().id().epoch(), Math::max) + 1;
    LOG.info("epoch {}: {} shards on {}, {} replicas to load, {} short of replicas", epoch,
        model.shards().size() - plan.unplaced().size(), plan.shardsOf().keySet(), plan.loads(),
        plan.underReplicated().size());
    if (!plan.unplaced().isEmpty()) {
      LOG.warn(
          "{} of {} shards have no room on {}, first {}; each takes {} bytes: add nodes or memory. Until then nodes "
              + "that hold them are kept in use",
          plan.unplaced().size(), model.shards().size(), plan.shardsOf().keySet(), plan.unplaced().getFirst(),
          model.shardBytes());
    }
    begin(new Target(new PlanId(epoch, settings.plannerId()), plan.shardsOf()));
  }

  private PlacementPlanner.Node plannable(Watched node) {
    DescribedNode described = node.description().orElseThrow();
    return new PlacementPlanner.Node(described.nodeId(), described.capacityBytes(), 1, described.zone(),
        described.held(), outOfReach(node));
  }

  /// A node without a checkpoint can load only what some node holds.
  private Set<ShardId> outOfReach(Watched node) {
    if (node.description().orElseThrow().hasCheckpoint()) {
      return Set.of();
    }
    Set<ShardId> shards = new HashSet<>(model.shards());
    watch.all().stream().filter(Watched::isServing).forEach(other -> shards.removeAll(other.description().orElseThrow()
        .held()));
    return shards;
  }

  /// Derives the snapshot: whoever holds a shard and should. Whoever did before stays as long as the plan is not
  /// complete, or has no place for the shard.
  private void refresh() {
    Map<String, Watched> serving = servingNodes();
    Map<ShardId, List<String>> wanted = rollout.target().owners();
    Map<ShardId, List<String>> owners = new HashMap<>();
    for (ShardId shard : model.shards()) {
      Set<String> candidates = new TreeSet<>(wanted.getOrDefault(shard, List.of()));
      // What a node was not told to keep, it may let go of.
      candidates.removeIf(nodeId -> !placement.owners(shard).contains(nodeId)
          && !Optional.ofNullable(serving.get(nodeId)).filter(node -> node.follows(rollout.target().id())).isPresent());
      if (!rollout.isActive() || candidates.isEmpty()) {
        candidates.addAll(placement.owners(shard));
      }
      candidates.removeIf(nodeId -> !serving.containsKey(nodeId) || !serving.get(nodeId).holds(shard));
      if (candidates.isEmpty() && !rollout.isActive()) {
        // Loaded for a plan that was overtaken; nobody lets go of it before this one is active.
        serving.values().stream().filter(node -> node.follows(rollout.target().id()) && node.holds(shard))
            .forEach(node -> candidates.add(node.nodeId()));
      }
      if (!candidates.isEmpty()) {
        owners.put(shard, List.copyOf(candidates));
      }
    }
    Set<String> needed = new HashSet<>(rollout.target().shardsOf().keySet());
    owners.values().forEach(needed::addAll);
    links.retain(serving.values().stream().filter(node -> needed.contains(node.nodeId()))
        .collect(Collectors.toMap(Watched::nodeId, Watched::endpoint)));
    Placement current = new Placement(rollout.target().id().epoch(), owners);
    if (!current.equals(placement)) {
      placement = current;
    }
    note();
  }

  private void publishOnce() {
    PlanId id = rollout.target().id();
    if (rollout.isActive() && id.epoch() != publishedEpoch) {
      publishedEpoch = id.epoch();
      Map<ShardId, List<String>> owners = rollout.target().owners();
      around.registry().ifPresent(shared -> around.background().execute(() -> publish(shared, id, owners)));
    }
  }

  private static void publish(Registry shared, PlanId id, Map<ShardId, List<String>> owners) {
    try {
      shared.publish(new PlacementRecord(id.epoch(), id.plannerId(),
          new TreeMap<>(owners).entrySet().stream()
              .map(entry -> new PlacementRecord.Assignment(
                  new HeldShard(entry.getKey().layer(), entry.getKey().group()), entry.getValue()))
              .toList()));
    } catch (RegistryUnavailableException e) {
      LOG.info("epoch {} is in use but not published: {}", id.epoch(), e.getMessage());
    }
  }

  private void note() {
    Map<String, NodeStatus> known = new HashMap<>();
    for (Watched node : watch.all()) {
      NodeStatus status = new NodeStatus(node.nodeId(), node.endpoint(), state(node),
          node.description().map(described -> described.held().size()).orElse(0),
          node.description().map(DescribedNode::weightBytes).orElse(0L), 0, 0, 0,
          node.description().map(DescribedNode::device).orElse(""), node.detail());
      // Of two endpoints under one node id, the one that is used counts; a second living process is told about as well.
      String key = node.hasNamesake() ? node.nodeId() + " at " + node.endpoint() : node.nodeId();
      known.merge(key, status, (a, b) -> a.state().compareTo(b.state()) <= 0 ? a : b);
    }
    nodes = Map.copyOf(known);
  }

  private NodeStatus.State state(Watched node) {
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
    List<ShardId> wanted = rollout.target().shardsOf().get(node.nodeId());
    boolean isReady = wanted != null && node.description().orElseThrow().held().containsAll(wanted);
    return isReady ? NodeStatus.State.READY : NodeStatus.State.LOADING;
  }

  /// Leaves the nodes; nothing may be called any more.
  @Override
  public void close() {
    watch.close();
  }
}
