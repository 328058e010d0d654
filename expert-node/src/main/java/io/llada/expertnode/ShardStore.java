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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The shards a node holds, within its memory.
///
/// Make before break: [#prepare] loads what a coming placement needs and keeps the active one; [#activate] makes it
/// the active one and lets go of the rest. A shard's memory is freed when no computation uses it any more.
/// Thread-safe; loading holds up no computation.
final class ShardStore implements AutoCloseable {
  /// The most a prepare waits for another prepare to end.
  static final Duration LOADING_TIMEOUT = Duration.ofMinutes(10);

  private static final Logger LOG = LoggerFactory.getLogger(ShardStore.class);

  private final ExpertNodeModel model;
  private final long capacityBytes;
  private final ReentrantLock loading = new ReentrantLock();
  // Guarded by this.
  private final Map<ShardId, Held> held = new HashMap<>();
  private Set<ShardId> active = Set.of();
  private long activeEpoch;
  private long latestEpoch;

  private static final class Held {
    private final ExpertShard shard;
    private int users;
    private boolean retired;

    Held(ExpertShard shard) {
      this.shard = shard;
    }
  }

  /// What the store holds at one moment.
  ///
  /// @param epoch the active placement
  /// @param shards shards held, ascending
  /// @param bytes memory they take
  record Contents(long epoch, List<ShardId> shards, long bytes) {}

  ShardStore(ExpertNodeModel model, long capacityBytes) {
    this.model = model;
    this.capacityBytes = capacityBytes;
  }

  synchronized Contents contents() {
    return new Contents(activeEpoch, List.copyOf(new TreeSet<>(held.keySet())), held.size() * model.shardBytes());
  }

  synchronized long epoch() {
    return activeEpoch;
  }

  boolean exists(ShardId id) {
    return model.shards().contains(id);
  }

  /// Loads the shards of a coming placement; those of the active one stay.
  ///
  /// @throws ShardRefusedException naming the shard or the bytes
  /// @throws io.llada.model.files.CheckpointException when a shard cannot be read
  Contents prepare(long epoch, Collection<ShardId> shards) {
    Set<ShardId> wanted = new TreeSet<>(shards);
    awaitLoading();
    try {
      for (ShardId id : admit(epoch, wanted)) {
        ExpertShard shard = model.source().load(id);
        synchronized (this) {
          held.put(id, new Held(shard));
        }
      }
      return contents();
    } finally {
      loading.unlock();
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

  /// Checks a coming placement, makes what room is free and answers with the shards to load.
  private synchronized List<ShardId> admit(long epoch, Set<ShardId> wanted) {
    requireCurrent(epoch);
    Optional<ShardId> unknown = wanted.stream().filter(id -> !exists(id)).findFirst();
    if (unknown.isPresent()) {
      throw new ShardRefusedException(Reason.UNKNOWN_SHARD, unknown.get() + " does not exist in this model");
    }
    Set<ShardId> needed = new HashSet<>(active);
    needed.addAll(wanted);
    retireAllBut(needed);
    List<ShardId> missing = wanted.stream().filter(id -> !held.containsKey(id)).toList();
    long total = (held.size() + missing.size()) * model.shardBytes();
    if (total > capacityBytes) {
      throw new ShardRefusedException(Reason.OUT_OF_MEMORY,
          "%d shards to load, first %s, beside %d held need %d bytes, but this node may hold %d; give it more memory or add a node"
              .formatted(missing.size(), missing.getFirst(), held.size(), total, capacityBytes));
    }
    latestEpoch = epoch;
    return missing;
  }

  /// Makes a prepared placement the active one and lets go of every other shard.
  ///
  /// @throws ShardRefusedException when a shard was not prepared or a newer placement is known
  synchronized Contents activate(long epoch, Collection<ShardId> shards) {
    requireCurrent(epoch);
    Optional<ShardId> missing = shards.stream().filter(id -> !held.containsKey(id)).findFirst();
    if (missing.isPresent()) {
      throw new ShardRefusedException(Reason.NOT_PREPARED, missing.get() + " is not loaded; prepare it first");
    }
    active = Set.copyOf(shards);
    activeEpoch = epoch;
    latestEpoch = epoch;
    int before = held.size();
    retireAllBut(active);
    LOG.info("epoch {}: {} shards active, {} let go", epoch, active.size(), before - held.size());
    return contents();
  }

  private void requireCurrent(long epoch) {
    if (epoch < latestEpoch) {
      throw new ShardRefusedException(Reason.STALE_EPOCH,
          "epoch %d is older than epoch %d, which this node knows".formatted(epoch, latestEpoch));
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
    active = Set.of();
    retireAllBut(Set.of());
  }

  /// Shards in use by one computation; closing gives them back.
  final class Loan implements AutoCloseable {
    private final Map<Integer, Held> shards;

    private Loan(Map<Integer, Held> shards) {
      this.shards = shards;
    }

    ExpertShard shard(int group) {
      return shards.get(group).shard;
    }

    @Override
    public void close() {
      takeBack(shards.values());
    }
  }
}
