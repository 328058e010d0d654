package io.llada.coordinator.placement;

import io.llada.coordinator.placement.NodeCalls.Order;
import io.llada.coordinator.placement.NodeWatch.Watched;
import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One plan on its way to the nodes: PREPARE everywhere at once, each node as fast as it loads; ACTIVE when all that can
/// be reached are ready. Nothing waits: [#advance] looks at what has ended and starts what is next. For one
/// thread at a time.
final class Rollout {
  private static final Logger LOG = LoggerFactory.getLogger(Rollout.class);
  private static final Duration SHORT_CALL = Duration.ofSeconds(10);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  private final Target target;
  private final PlacementSettings settings;
  private final ExpertModel model;
  private final LongSupplier nanoClock;
  private final Map<String, Errand> errands = new HashMap<>();
  private final Set<String> acknowledged = new HashSet<>();
  private boolean superseded;
  private boolean active;

  /// The call that one life of a node is busy with.
  private static final class Errand {
    private Optional<Call<Void>> call = Optional.empty();
    private boolean acknowledges;
    private Duration pause = FIRST_PAUSE;
    private long notBefore;
    private boolean needsRoom;
  }

  Rollout(Target target, PlacementSettings settings, ExpertModel model, LongSupplier nanoClock) {
    this.target = target;
    this.settings = settings;
    this.model = model;
    this.nanoClock = nanoClock;
    // Nothing is done at once.
    active = target.equals(Target.NONE);
  }

  Target target() {
    return target;
  }

  /// Whether every node does what the plan says, and nothing outside it is needed.
  boolean isActive() {
    return active;
  }

  /// Ends what has ended and starts what is next.
  ///
  /// @param nodes the nodes that serve, by id
  /// @param placement who holds what at the moment
  /// @param refused called with each node that will not follow, and why
  void advance(Map<String, Watched> nodes, Placement placement, BiConsumer<Watched, String> refused) {
    target.shardsOf().forEach((nodeId, shards) -> Optional.ofNullable(nodes.get(nodeId))
        .ifPresent(node -> advance(node, nodes.values(), placement, refused)));
    boolean isReady = target.shardsOf().entrySet().stream().allMatch(entry -> {
      Optional<Watched> node = Optional.ofNullable(nodes.get(entry.getKey()));
      return node.isEmpty() || node.get().isSilent() || isPrepared(node.get(), entry.getValue());
    });
    if (isReady && !active && target.owners().entrySet().stream()
        .allMatch(entry -> isServed(entry.getKey(), entry.getValue(), nodes))) {
      active = true;
      LOG.info("event=plan_active epoch={} planner={} nodes={} replicas={}", target.id().epoch(),
          target.id().plannerId(), target.shardsOf().size(), target.replicas());
    }
  }

  /// Whether a shard can be had as planned, so that whoever held it before may let go of it. Nobody waits for what nobody
  /// has.
  private boolean isServed(ShardId shard, List<String> owners, Map<String, Watched> nodes) {
    return owners.stream().flatMap(owner -> Optional.ofNullable(nodes.get(owner)).stream())
        .anyMatch(owner -> owner.follows(target.id()) && owner.holds(shard))
        || nodes.values().stream().noneMatch(node -> node.holds(shard));
  }

  /// Whether a node holds what it should and knows that it should: what an earlier plan left over would go any moment.
  private boolean isPrepared(Watched node, List<ShardId> shards) {
    return node.follows(target.id()) && node.description().orElseThrow().held().containsAll(shards);
  }

  private void advance(Watched node, Collection<Watched> all, Placement placement,
      BiConsumer<Watched, String> refused) {
    List<ShardId> shards = target.shardsOf().get(node.nodeId());
    String life = life(node);
    Errand errand = errands.computeIfAbsent(life, id -> new Errand());
    long now = nanoClock.getAsLong();
    if (errand.call.isPresent() && !errand.call.get().isOver(now)) {
      return;
    }
    errand.call.ifPresent(call -> end(node, errand, call, refused));
    errand.call = Optional.empty();
    if (superseded || node.isRefused() || node.isSilent() || now < errand.notBefore) {
      return;
    }
    if (!isPrepared(node, shards)) {
      Order order = order(shards, holders(node, shards, all));
      errand.call = Optional.of(Call.begun(prepare(node, order, errand, placement),
          SHORT_CALL.plus(settings.prepareTimeout()), now));
      errand.acknowledges = false;
    } else if (active && !acknowledged.contains(life)) {
      errand.call = Optional
          .of(Call.begun(node.calls().activate(order(shards, Map.of()), SHORT_CALL), SHORT_CALL, now));
      errand.acknowledges = true;
    }
  }

  private CompletableFuture<Void> prepare(Watched node, Order order, Errand errand, Placement placement) {
    CompletableFuture<Void> room = CompletableFuture.completedFuture(null);
    if (errand.needsRoom) {
      Set<ShardId> kept = kept(node, order, placement);
      LOG.info("event=node_makes_room epoch={} node={} kept={}", target.id().epoch(), node.nodeId(), kept.size());
      room = node.calls().release(order(kept, Map.of()), SHORT_CALL);
    }
    return room.thenCompose(done -> node.calls().prepare(order, settings.prepareTimeout()));
  }

  /// What a node without room for its shards keeps besides them: what nobody else holds, if that leaves room. If not, others
  /// wait for room as well: break before make, on this node alone. Dispatches wait until somebody has loaded.
  private Set<ShardId> kept(Watched node, Order order, Placement placement) {
    Set<ShardId> kept = new HashSet<>(node.description().orElseThrow().held());
    kept.removeIf(shard -> !order.shards().contains(shard) && isElsewhere(shard, node, placement));
    Set<ShardId> then = new HashSet<>(kept);
    then.addAll(order.shards());
    if (then.size() * model.shardBytes() > node.description().orElseThrow().capacityBytes()) {
      kept.retainAll(order.shards());
    }
    return kept;
  }

  private static String life(Watched node) {
    return node.nodeId() + " " + node.description().orElseThrow().incarnation();
  }

  private static boolean isElsewhere(ShardId shard, Watched node, Placement placement) {
    return placement.owners(shard).stream().anyMatch(owner -> !owner.equals(node.nodeId()));
  }

  private Order order(Collection<ShardId> shards, Map<ShardId, List<String>> holders) {
    return new Order(target.id(), settings.plannerId(), model.digest(), shards, holders);
  }

  /// Where the node may load what it lacks from. Not everybody should ask the same holder first.
  private static Map<ShardId, List<String>> holders(Watched node, List<ShardId> shards, Collection<Watched> all) {
    Map<ShardId, List<String>> holders = new HashMap<>();
    for (ShardId shard : shards) {
      if (!node.holds(shard)) {
        List<String> endpoints = all.stream().filter(other -> other != node && !other.isSilent() && other.holds(shard))
            .map(Watched::endpoint).sorted().collect(Collectors.toList());
        Collections.rotate(endpoints, Math.floorMod(node.nodeId().hashCode() + shard.hashCode(), 1 << 16));
        holders.put(shard, endpoints);
      }
    }
    return holders;
  }

  private void end(Watched node, Errand errand, Call<Void> call, BiConsumer<Watched, String> refused) {
    try {
      call.result();
      if (errand.acknowledges) {
        acknowledged.add(life(node));
      }
      errand.pause = FIRST_PAUSE;
    } catch (CallException e) {
      boolean hasFailedForRoom = e.kind() == CallException.Kind.OUT_OF_MEMORY && errand.needsRoom;
      if (e.kind() == CallException.Kind.STALE) {
        superseded = true;
      } else if (e.kind() == CallException.Kind.REFUSED || hasFailedForRoom) {
        refused.accept(node, e.getMessage());
      }
      LOG.info("event=plan_step_failed epoch={} node={} reason=\"{}\"", target.id().epoch(), node.nodeId(),
          e.getMessage());
      errand.needsRoom = e.kind() == CallException.Kind.OUT_OF_MEMORY;
      errand.notBefore = errand.needsRoom ? 0 : nanoClock.getAsLong() + errand.pause.toNanos();
      errand.pause = errand.pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0
          ? errand.pause.multipliedBy(2)
          : LONGEST_PAUSE;
    }
  }
}
