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
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
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
  /// A plan for balance must bring the imbalance below this part of what it is.
  private static final double WORTHWHILE = 0.95;
  /// How long another coordinator's plan may take to reach every node before this one plans anew.
  private static final Duration ADOPTION_PATIENCE = Duration.ofSeconds(2);

  private final PlacementSettings settings;
  private final ExpertModel model;
  private final NodeLinks links;
  private final Surroundings around;
  private final LongSupplier nanoClock;
  private final NodeWatch watch;
  private final NodeBoard board;
  private final LoadWatch load;
  private final Queue<Request> requests = new ConcurrentLinkedQueue<>();
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
  private volatile Counts counts = Counts.NONE;
  private volatile Runnable onWork = () -> {};

  /// Nodes that have changed, and since when they have not.
  ///
  /// @param lives the nodes
  /// @param since when the last of them came or went
  /// @param begunAt when the first did
  private record Settling(Set<String> lives, long since, long begunAt) {}

  /// Somebody wants to know what the planner would do now.
  private record Request(Proposal.Intent intent, CompletableFuture<Proposal> answer) {}

  /// What has become of plans.
  ///
  /// @param made by this coordinator
  /// @param takenUp of other coordinators
  /// @param imbalance how much longer the slowest node takes than all would with the load spread to perfection
  public record Counts(long made, long takenUp, double imbalance) {
    static final Counts NONE = new Counts(0, 0, 1);

    private Counts plusMade() {
      return new Counts(made + 1, takenUp, imbalance);
    }

    private Counts plusTakenUp() {
      return new Counts(made, takenUp + 1, imbalance);
    }
  }

  /// @param links the data connections, opened before a placement needs them
  public PlacementDriver(PlacementSettings settings, ExpertModel model, NodeLinks links, Surroundings around) {
    this.settings = settings;
    this.model = model;
    this.links = links;
    this.around = around;
    nanoClock = around.nanoClock();
    startedAt = nanoClock.getAsLong();
    watch = new NodeWatch(settings, model, around);
    board = new NodeBoard(links);
    load = new LoadWatch(settings.rebalancing(), model);
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

  /// To be told of every layer that is dispatched.
  public RoutedPairs routed() {
    return load.routed();
  }

  /// What has become of plans so far.
  public Counts counts() {
    return counts;
  }

  /// What the planner would do now, once all nodes have been heard.
  ///
  /// @return ends within the next round, with an [IllegalStateException] when there is no node to plan with
  public CompletableFuture<Proposal> propose(Proposal.Intent intent) {
    Request request = new Request(intent, new CompletableFuture<>());
    requests.add(request);
    wake();
    return request.answer();
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
    return withFewerOwnersThan(Math.clamp(board.staying(), 1, settings.goals().replicas()));
  }

  private List<ShardId> withFewerOwnersThan(int wanted) {
    Placement current = placement;
    return model.shards().stream()
        .filter(shard -> current.owners(shard).stream().filter(board::isAlive).count() < wanted)
        .toList();
  }

  public boolean coversEveryShard() {
    return missing().isEmpty();
  }

  /// Waits until every shard has a living owner.
  ///
  /// @return whether that came true within the bound
  public boolean awaitCovered(Duration bound) throws InterruptedException {
    return await(this::coversEveryShard, bound);
  }

  /// Waits until every shard has as many living owners as are wanted and could be.
  ///
  /// @return whether that came true within the bound
  public boolean awaitReplicated(Duration bound) throws InterruptedException {
    return await(() -> underReplicated().isEmpty(), bound);
  }

  private static boolean await(BooleanSupplier condition, Duration bound) throws InterruptedException {
    long deadline = System.nanoTime() + bound.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() >= deadline) {
        return false;
      }
      Thread.sleep(COVERED_POLL);
    }
    return true;
  }

  /// Every known node, by endpoint.
  public List<NodeStatus> nodes() {
    return board.nodes();
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
    measure(now);
    answerRequests();
    if (!isPlanDue() || isGathering()) {
      settling = Optional.empty();
      balance(now);
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
      LOG.info("event=plan_taken_up epoch={} planner={} nodes={} replicas={}", latest.epoch(), latest.plannerId(),
          theirs.shardsOf().size(), theirs.replicas());
      counts = counts.plusTakenUp();
      begin(theirs);
    }
  }

  private boolean isAsGoodAsOurs(Target theirs) {
    Plan ours = around.planner().plan(watch.usable().stream()
        .map(node -> plannable(node).holding(theirs.shardsOf().get(node.nodeId()))).toList(), load.terms());
    return restored(theirs.owners()) >= restored(ours.owners());
  }

  /// Replicas that count: two coordinators may see different groups as hot, and must not plan against each other.
  private int restored(Map<ShardId, List<String>> owners) {
    return owners.values().stream().mapToInt(nodes -> Math.min(nodes.size(), settings.goals().replicas())).sum();
  }

  private void begin(Target target) {
    rollout = new Rollout(target, settings, model, nanoClock);
    plannedLives = lives();
    otherPlanSince = Optional.empty();
    load.planned(nanoClock.getAsLong());
  }

  /// Looks at speeds and loads.
  private void measure(long now) {
    Map<String, Pace> paces = new HashMap<>();
    watch.all().stream().filter(Watched::isServing).forEach(node -> paces.put(node.nodeId(),
        links.status(node.nodeId()).map(NodeLinks.LinkStatus::pace).orElse(Pace.NONE)));
    load.note(paces, now);
    counts = new Counts(counts.made(), counts.takenUp(), load.imbalance(living(rollout.target().shardsOf())));
  }

  private Map<String, List<ShardId>> living(Map<String, List<ShardId>> shardsOf) {
    Map<String, List<ShardId>> living = new HashMap<>(shardsOf);
    living.keySet().removeIf(node -> watch.serving(node).isEmpty());
    return living;
  }

  /// Plans anew where nodes have taken too unequal times for too long and a plan would help.
  private void balance(long now) {
    if (!rollout.isActive() || otherPlanSince.isPresent() || !load.isPlanDue(counts.imbalance(), now)) {
      return;
    }
    load.planned(now);
    Plan plan = balancingPlan();
    double then = load.imbalance(plan.shardsOf());
    if (then < counts.imbalance() * WORTHWHILE) {
      begin(plan, "imbalance");
    } else {
      LOG.info("event=plan_kept epoch={} imbalance={} best={}", rollout.target().id().epoch(),
          rounded(counts.imbalance()), rounded(then));
    }
  }

  private Plan balancingPlan() {
    int replicas = Math.max(rollout.target().replicas(), model.shards().size());
    return around.planner().plan(watch.usable().stream().map(this::plannable).toList(), load.balancingTerms(replicas));
  }

  private void answerRequests() {
    for (Request request = requests.poll(); request != null; request = requests.poll()) {
      if (watch.usable().isEmpty()) {
        request.answer().completeExceptionally(new IllegalStateException("there is no expert node to plan with"));
      } else {
        Plan plan = balancingPlan();
        Proposal proposal = proposal(plan);
        if (request.intent() == Proposal.Intent.CARRY_OUT && proposal.isChange()) {
          begin(plan, "asked_for");
        }
        request.answer().complete(proposal);
      }
    }
  }

  private Proposal proposal(Plan plan) {
    List<Proposal.Share> shares = watch.usable().stream().map(node -> {
      Set<ShardId> held = node.description().orElseThrow().held();
      List<ShardId> then = plan.shardsOf().getOrDefault(node.nodeId(), List.of());
      return new Proposal.Share(node.nodeId(), held.size(), then.size(),
          (int) then.stream().filter(shard -> !held.contains(shard)).count(), load.speed(node.nodeId()));
    }).toList();
    Map<String, List<ShardId>> now = watch.usable().stream().collect(Collectors.toMap(Watched::nodeId,
        node -> List.copyOf(node.description().orElseThrow().held()), (a, b) -> a));
    return new Proposal(rollout.target().id().epoch(), shares, model.shardBytes(), load.imbalance(now),
        load.imbalance(plan.shardsOf()), !plan.shardsOf().equals(rollout.target().shardsOf()));
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
    begin(around.planner().plan(usable.stream().map(this::plannable).toList(), load.terms()), "membership");
  }

  private void begin(Plan plan, String cause) {
    List<Watched> usable = watch.usable();
    long epoch = usable.stream().mapToLong(node -> node.description().orElseThrow().planned().id().epoch())
        .reduce(rollout.target().id().epoch(), Math::max) + 1;
    LOG.info("event=plan_made epoch={} cause={} nodes={} shards={} loads={} bytes={} under_replicated={} imbalance={}",
        epoch, cause, String.join(",", plan.shardsOf().keySet()), model.shards().size() - plan.unplaced().size(),
        plan.loads(), plan.loads() * model.shardBytes(), plan.underReplicated().size(),
        rounded(load.imbalance(plan.shardsOf())));
    counts = counts.plusMade();
    if (!plan.unplaced().isEmpty()) {
      LOG.warn(
          "event=no_room epoch={} {} of {} shards have no room on {}, first {}; each takes {} bytes: add nodes or memory. Until then nodes "
              + "that hold them are kept in use",
          epoch, plan.unplaced().size(), model.shards().size(), plan.shardsOf().keySet(), plan.unplaced().getFirst(),
          model.shardBytes());
    }
    begin(new Target(new PlanId(epoch, settings.plannerId()), plan.shardsOf()));
  }

  private static String rounded(double imbalance) {
    return String.format(Locale.ROOT, "%.2f", imbalance);
  }

  private PlacementPlanner.Node plannable(Watched node) {
    DescribedNode described = node.description().orElseThrow();
    return new PlacementPlanner.Node(described.nodeId(), described.capacityBytes(), load.speed(described.nodeId()),
        described.zone(),
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
    board.note(watch.all(), rollout.target(), load::speed);
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

  /// Leaves the nodes; nothing may be called any more.
  @Override
  public void close() {
    watch.close();
  }
}
