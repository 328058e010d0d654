package io.llada.expertnode;

import io.llada.expertnode.ShardRefusedException.Reason;
import io.llada.model.experts.ExpertShard;
import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The shards a node holds, within its memory.
///
/// Make before break: [#prepare] loads what a coming placement needs and keeps the active one; every shard can compute as
/// soon as it is loaded. [#activate] makes it the active one, and the rest goes when no coordinator can still ask for
/// it: all that are connected act on the placement, or [#UNLOAD_GRACE] has passed. A shard's memory is freed when no
/// computation uses it any more. Thread-safe; loading holds up no computation.
final class ShardStore implements AutoCloseable {
  /// The most a prepare waits for another prepare to end.
  static final Duration LOADING_TIMEOUT = Duration.ofMinutes(10);

  /// Shards outside the active placement are kept this long for coordinators that are slow to take it up.
  static final Duration UNLOAD_GRACE = Duration.ofSeconds(60);

  private static final Logger LOG = LoggerFactory.getLogger(ShardStore.class);

  private final ExpertNodeModel model;
  private final ShardLoader loader;
  private final Consumer<LoadedShard> onLoaded;
  private final long capacityBytes;
  private final LongSupplier nanoClock;
  private final ReentrantLock loading = new ReentrantLock();
  // Guarded by this.
  private final Map<ShardId, Held> held = new HashMap<>();
  private Planned planned = Planned.NONE;
  private Planned active = Planned.NONE;
  private long activeSince;
  private final Set<String> acknowledged = new HashSet<>();

  private static final class Held {
    private final LoadedShard shard;
    private int users;
    private boolean retired;

    Held(LoadedShard shard) {
      this.shard = shard;
    }
  }

  /// What a plan gives to this node.
  ///
  /// @param epoch number of the placement; 0: none yet
  /// @param plannerId coordinator that made it
  /// @param shards what this node is to hold
  record Planned(long epoch, String plannerId, Set<ShardId> shards) {
    /// Before the first plan.
    static final Planned NONE = new Planned(0, "", Set.of());

    Planned {
      shards = Set.copyOf(shards);
    }

    /// Whether this plan goes before another: the newer one does, and of two of one epoch that of the first planner.
    boolean precedes(Planned other) {
      return epoch > other.epoch || epoch == other.epoch && plannerId.compareTo(other.plannerId) < 0;
    }

    boolean isSamePlan(Planned other) {
      return epoch == other.epoch && plannerId.equals(other.plannerId);
    }
  }

  /// What the store holds at one moment.
  ///
  /// @param epoch the active placement
  /// @param shards shards held, ascending
  /// @param bytes memory they take
  /// @param planned the latest plan
  record Contents(long epoch, List<ShardId> shards, long bytes, Planned planned) {}

  /// @param loader gets shards
  /// @param onLoaded told of every shard that has become ready
  /// @param nanoClock monotonic nanoseconds
  ShardStore(ShardLoader loader, Consumer<LoadedShard> onLoaded, long capacityBytes, LongSupplier nanoClock) {
    this.loader = loader;
    this.onLoaded = onLoaded;
    this.model = loader.model();
    this.capacityBytes = capacityBytes;
    this.nanoClock = nanoClock;
  }

  synchronized Contents contents() {
    return new Contents(active.epoch(), List.copyOf(new TreeSet<>(held.keySet())), held.size() * model.shardBytes(),
        planned);
  }

  synchronized long epoch() {
    return active.epoch();
  }

  boolean exists(ShardId id) {
    return model.outline().contains(id);
  }

  /// Loads the shards of a coming placement; those of the active one stay.
  ///
  /// @param holders endpoints of other nodes that hold a shard
  /// @throws ShardRefusedException naming the shard, the bytes, its sources or the plan that has precedence
  Contents prepare(Planned plan, Map<ShardId, List<String>> holders) {
    accept(plan);
    awaitLoading();
    try {
      for (ShardId id : admit(plan)) {
        load(plan, id, holders.getOrDefault(id, List.of()));
      }
      return contents();
    } finally {
      loading.unlock();
    }
  }

  /// The first step of [#prepare]: takes note of a plan; one that is being loaded ends before its next shard.
  synchronized void accept(Planned plan) {
    requireLatest(plan);
    Optional<ShardId> unknown = plan.shards().stream().filter(id -> !exists(id)).findFirst();
    if (unknown.isPresent()) {
      throw new ShardRefusedException(Reason.UNKNOWN_SHARD, unknown.get() + " does not exist in this model");
    }
    planned = plan;
  }

  private synchronized void requireLatest(Planned plan) {
    if (planned.precedes(plan)) {
      throw new ShardRefusedException(Reason.STALE_EPOCH,
          "epoch %d of %s comes after epoch %d of %s, which this node knows"
              .formatted(plan.epoch(), plan.plannerId(), planned.epoch(), planned.plannerId()));
    }
  }

  private void awaitLoading() {
    try {
      if (!loading.tryLock(LOADING_TIMEOUT.toNanos(), TimeUnit.NANOSECONDS)) {
        throw new ShardRefusedException(Reason.LOADING_TAKES_TOO_LONG,
            "another placement has been loading for more than " + LOADING_TIMEOUT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ShardRefusedException(Reason.LOADING_TAKES_TOO_LONG, "interrupted while waiting to load");
    }
  }

  /// The next step of [#prepare]: answers with the shards to load. What they would take the place of, somebody may ask for:
  /// only [#release] lets go of it.
  synchronized List<ShardId> admit(Planned plan) {
    requireLatest(plan);
    List<ShardId> missing = new TreeSet<>(plan.shards()).stream().filter(id -> !held.containsKey(id)).toList();
    if (bytesWith(missing) > capacityBytes) {
      throw new ShardRefusedException(Reason.OUT_OF_MEMORY,
          "%d shards to load, first %s, beside %d held need %d bytes, but this node may hold %d; give it more memory or add a node"
              .formatted(missing.size(), missing.getFirst(), held.size(), bytesWith(missing), capacityBytes));
    }
    return missing;
  }

  /// The last steps of [#prepare], one for every shard; only one plan is loaded at a time.
  void load(Planned plan, ShardId id, List<String> holders) {
    requireLatest(plan);
    LoadedShard shard = loader.load(id, holders);
    synchronized (this) {
      held.put(id, new Held(shard));
    }
    onLoaded.accept(shard);
  }

  private long bytesWith(List<ShardId> missing) {
    return (held.size() + missing.size()) * model.shardBytes();
  }

  /// Makes a prepared placement the active one: a coordinator acts on it.
  ///
  /// @throws ShardRefusedException when a shard was not prepared or a newer placement is known
  synchronized Contents activate(Planned plan, String coordinatorId) {
    requireLatest(plan);
    requireHeld(plan.shards());
    if (!plan.isSamePlan(active)) {
      // Who acts on another plan of the same epoch has not left what only that one keeps.
      acknowledged.clear();
      activeSince = nanoClock.getAsLong();
      LOG.info("epoch {} of {}: {} shards active", plan.epoch(), plan.plannerId(), plan.shards().size());
    }
    planned = plan;
    active = plan;
    acknowledged.add(coordinatorId);
    return contents();
  }

  private void requireHeld(Set<ShardId> shards) {
    Optional<ShardId> missing = shards.stream().filter(id -> !held.containsKey(id)).findFirst();
    if (missing.isPresent()) {
      throw new ShardRefusedException(Reason.NOT_PREPARED, missing.get() + " is not loaded; prepare it first");
    }
  }

  /// Lets go of what the active placement does not need, if nobody can still ask for it.
  ///
  /// @param connected coordinators that may send dispatches
  synchronized void unload(Set<String> connected) {
    boolean isOver = nanoClock.getAsLong() - activeSince >= UNLOAD_GRACE.toNanos();
    if (active.isSamePlan(planned) && (acknowledged.containsAll(connected) || isOver)) {
      letGoOfAllBut(active.shards());
    }
  }

  /// Lets go at once of all but some shards.
  ///
  /// @throws ShardRefusedException when another plan has precedence
  synchronized Contents release(Planned kept) {
    requireLatest(kept);
    active = new Planned(active.epoch(), active.plannerId(),
        active.shards().stream().filter(kept.shards()::contains).collect(Collectors.toUnmodifiableSet()));
    letGoOfAllBut(kept.shards());
    return contents();
  }

  private void letGoOfAllBut(Set<ShardId> kept) {
    int before = held.size();
    retireAllBut(kept);
    if (held.size() < before) {
      LOG.info("epoch {}: {} shards let go, {} held", active.epoch(), before - held.size(), held.size());
    }
  }

  private void retireAllBut(Set<ShardId> kept) {
    held.entrySet().removeIf(entry -> {
      if (kept.contains(entry.getKey())) {
        return false;
      }
      entry.getValue().retired = true;
      closeIfUnused(entry.getValue());
      return true;
    });
  }

  private static void closeIfUnused(Held shard) {
    if (shard.retired && shard.users == 0) {
      shard.shard.close();
    }
  }

  /// Lends shards to one computation, all or none.
  ///
  /// @return empty when a group is not held
  synchronized Optional<Loan> lend(int layer, Set<Integer> groups) {
    Map<Integer, Held> lent = new HashMap<>();
    for (int group : groups) {
      Held shard = held.get(new ShardId(layer, group));
      if (shard == null) {
        return Optional.empty();
      }
      lent.put(group, shard);
    }
    lent.values().forEach(shard -> shard.users++);
    return Optional.of(new Loan(lent));
  }

  private synchronized void takeBack(Collection<Held> shards) {
    for (Held shard : shards) {
      shard.users--;
      closeIfUnused(shard);
    }
  }

  /// Lets go of everything; shards in use are freed when they are given back.
  @Override
  public synchronized void close() {
    active = Planned.NONE;
    retireAllBut(Set.of());
  }

  /// Shards in use by one computation; closing gives them back.
  final class Loan implements AutoCloseable {
    private final Map<Integer, Held> shards;

    private Loan(Map<Integer, Held> shards) {
      this.shards = shards;
    }

    ExpertShard shard(int group) {
      return loaded(group).shard();
    }

    LoadedShard loaded(int group) {
      return shards.get(group).shard;
    }

    @Override
    public void close() {
      takeBack(shards.values());
    }
  }
}
