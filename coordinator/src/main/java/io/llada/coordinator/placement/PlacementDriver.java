package io.llada.coordinator.placement;

import io.llada.coordinator.placement.NodeWatch.Watched;
import io.llada.coordinator.placement.PlacementPlanner.Plan;
import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps every shard on living nodes: watches them, makes a plan when they change and carries it out.
///
/// Nothing here waits: [#advance] does what is due, for one thread at a time, and [PlacementThread] calls it; what others
/// may ask is a volatile snapshot.
public final class PlacementDriver implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PlacementDriver.class);
  private static final Duration COVERED_POLL = Duration.ofMillis(10);
  /// A plan for balance must bring the imbalance below this part of what it is.
  private static final double WORTHWHILE = 0.95;

  private final PlacementSettings settings;
  private final ExpertModel model;
  private final NodeLinks links;
  private final LongSupplier nanoClock;
  private final NodeWatch watch;
  private final NodeBoard board;
  private final LoadWatch load;
  private final Planning planning;
  private final Adoption adoption;
  private final Settling settling;
  private final PlanPublisher publisher;
  private final Proposals proposals = new Proposals();
  private final AtomicBoolean lookNow = new AtomicBoolean(true);
  private final long startedAt;
  private boolean isLooking;
  private long nextLookAt;
  private Rollout rollout;
  private Set<String> plannedLives = Set.of();
  private volatile Placement placement = Placement.NONE;
  private volatile Counts counts = Counts.NONE;
  private volatile Runnable onWork = () -> {};

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
    nanoClock = around.nanoClock();
    startedAt = nanoClock.getAsLong();
    watch = new NodeWatch(settings, model, around);
    board = new NodeBoard(links);
    load = new LoadWatch(settings.rebalancing(), model);
    planning = new Planning(around.planner(), watch, load, model, settings.goals().replicas());
    adoption = new Adoption(planning);
    settling = new Settling(settings.debounce());
    publisher = new PlanPublisher(around);
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
    CompletableFuture<Proposal> answer = proposals.ask(intent);
    wake();
    return answer;
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
    adoption.look(rollout.target().id(), now).ifPresent(this::takeUp);
    measure(now);
    proposals.answer(planning, rollout::target, plan -> begin(plan, "asked_for"));
    if (!isPlanDue(now) || isGathering(now)) {
      settling.forget();
      balance(now);
    } else if (settling.isOver(planning.lives(), now)) {
      settling.forget();
      begin(planning.forMembership(), "membership");
    } else {
      nextLookAt = now + settings.debounce().toNanos();
    }
    rollout.advance(servingById(), placement, watch::refuse);
    refresh();
    if (rollout.isActive()) {
      publisher.publish(rollout.target());
    }
  }

  private boolean isCovered(Watched node) {
    return node.description().orElseThrow().held().stream().allMatch(shard -> {
      List<String> owners = placement.owners(shard);
      return !owners.contains(node.nodeId()) || owners.stream().anyMatch(
          owner -> !owner.equals(node.nodeId()) && watch.serving(owner).filter(other -> !other.isSilent()).isPresent());
    });
  }

  private Map<String, Watched> servingById() {
    return watch.serving().stream()
        .collect(Collectors.toMap(Watched::nodeId, node -> node, (a, b) -> a));
  }

  private void takeUp(Target theirs) {
    LOG.info("event=plan_taken_up epoch={} planner={} nodes={} replicas={}", theirs.id().epoch(),
        theirs.id().plannerId(), theirs.shardsOf().size(), theirs.replicas());
    counts = counts.plusTakenUp();
    begin(theirs);
  }

  private void begin(Target target) {
    rollout = new Rollout(target, settings, model, nanoClock);
    plannedLives = planning.lives();
    adoption.forget();
    load.planned(nanoClock.getAsLong());
  }

  /// Looks at speeds and loads.
  private void measure(long now) {
    Map<String, Pace> paces = new HashMap<>();
    watch.serving().forEach(node -> paces.put(node.nodeId(),
        links.status(node.nodeId()).map(NodeLinks.LinkStatus::pace).orElse(Pace.NONE)));
    load.note(paces, now);
    counts = new Counts(counts.made(), counts.takenUp(), planning.imbalance(rollout.target()));
  }

  /// Plans anew where nodes have taken too unequal times for too long and a plan would help.
  private void balance(long now) {
    if (!rollout.isActive() || adoption.isPending() || !load.isPlanDue(counts.imbalance(), now)) {
      return;
    }
    load.planned(now);
    Plan plan = planning.forBalance(rollout.target());
    double then = load.imbalance(plan.shardsOf());
    if (then < counts.imbalance() * WORTHWHILE) {
      begin(plan, "imbalance");
    } else {
      LOG.info("event=plan_kept epoch={} imbalance={} best={}", rollout.target().id().epoch(),
          rounded(counts.imbalance()), rounded(then));
    }
  }

  private boolean isPlanDue(long now) {
    boolean haveChanged = !planning.lives().equals(plannedLives) && !adoption.isPending();
    return planning.isPossible() && (haveChanged || adoption.isOverdue(now));
  }

  /// Before the first plan: nodes that start together should not be planned for one by one.
  private boolean isGathering(long now) {
    return rollout.target().id().equals(PlanId.NONE) && watch.all().stream().anyMatch(Watched::isLost)
        && now - startedAt < settings.gatherTimeout().toNanos();
  }

  private void begin(Plan plan, String cause) {
    long epoch = planning.nodes().stream().mapToLong(node -> node.planned().id().epoch())
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

  /// Looks at who serves what now, and keeps connections to those.
  private void refresh() {
    Map<String, Watched> serving = servingById();
    Placement current = new Serving(rollout, placement, serving.values()).placement(model.shards());
    Set<String> needed = new HashSet<>(rollout.target().shardsOf().keySet());
    current.owners().values().forEach(needed::addAll);
    links.retain(serving.values().stream().filter(node -> needed.contains(node.nodeId()))
        .collect(Collectors.toMap(Watched::nodeId, Watched::endpoint)));
    if (!current.equals(placement)) {
      placement = current;
    }
    board.note(watch.all(), rollout.target(), load::speed);
  }

  /// Leaves the nodes; nothing may be called any more.
  @Override
  public void close() {
    watch.close();
  }
}
