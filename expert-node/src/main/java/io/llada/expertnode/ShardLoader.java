package io.llada.expertnode;

import io.llada.expertnode.ShardRefusedException.Reason;
import io.llada.model.config.ShardId;
import io.llada.model.experts.ExpertShard;
import io.llada.model.experts.ShardProbe;
import io.llada.model.files.CheckpointException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Gets a shard from wherever it can be had: the cache, this node's checkpoint, then peers. What is damaged, or computes
/// other than it should, is passed by. Thread-safe.
final class ShardLoader {
  private static final Logger LOG = LoggerFactory.getLogger(ShardLoader.class);

  private final ExpertNodeModel model;
  private final Optional<ShardCache> cache;
  private final PeerShards peers;
  private final List<String> usualPeers;
  private final ShardProbe probe;
  // Guarded by itself.
  private final Map<ShardOrigin, Total> totals = new EnumMap<>(ShardOrigin.class);

  /// Fetches shards from other nodes.
  @FunctionalInterface
  interface PeerShards {
    /// @param endpoint `host:port`
    /// @throws CheckpointException when what it sends is not the shard
    /// @throws PeerException when it cannot be had there now
    ShardOffer fetch(String endpoint, ShardId id);
  }

  /// What came from one origin since the start.
  record Total(long bytes, int shards) {
    static final Total NONE = new Total(0, 0);

    private Total plus(long more) {
      return new Total(bytes + more, shards + 1);
    }
  }

  private record Attempt(ShardOrigin origin, String name, Supplier<ShardOffer> open) {}

  /// @param cache empty: none
  /// @param usualPeers endpoints that are asked whether or not somebody says that they hold a shard
  ShardLoader(ExpertNodeModel model, Optional<ShardCache> cache, PeerShards peers, List<String> usualPeers) {
    this.model = model;
    this.cache = cache;
    this.peers = peers;
    this.usualPeers = List.copyOf(usualPeers);
    probe = new ShardProbe(model.moe(), model.hiddenSize(), model.numericsClass());
  }

  ExpertNodeModel model() {
    return model;
  }

  /// What was loaded so far, by where it came from.
  Map<ShardOrigin, Total> totals() {
    synchronized (totals) {
      return new EnumMap<>(totals);
    }
  }

  /// @param holders endpoints of nodes that hold the shard
  /// @throws ShardRefusedException naming every source and why it would not do
  /// @throws io.llada.model.experts.DeviceException when the device cannot take it
  LoadedShard load(ShardId id, List<String> holders) {
    List<String> failures = new ArrayList<>();
    boolean isPassing = false;
    for (Attempt attempt : attempts(id, holders)) {
      try {
        return load(id, attempt);
      } catch (CheckpointException e) {
        LOG.warn("{} from {} is refused: {}", id, attempt.name(), e.getMessage());
        failures.add(attempt.name() + ": " + e.getMessage());
        if (attempt.origin() == ShardOrigin.CACHE) {
          cache.orElseThrow().discard(id);
        }
      } catch (PeerException e) {
        LOG.info("{} from {}: {}", id, attempt.name(), e.getMessage());
        failures.add(attempt.name() + ": " + e.getMessage());
        isPassing = true;
      }
    }
    throw new ShardRefusedException(isPassing || failures.isEmpty() ? Reason.NO_SOURCE_NOW : Reason.NO_SOURCE,
        "%s cannot be loaded: %s".formatted(id, failures.isEmpty()
            ? "this node has no checkpoint and no other node holds it"
            : String.join("; ", failures)));
  }

  private List<Attempt> attempts(ShardId id, List<String> holders) {
    List<Attempt> attempts = new ArrayList<>();
    cache.filter(files -> files.contains(id)).ifPresent(
        files -> attempts.add(new Attempt(ShardOrigin.CACHE, "the cache", () -> files.open(id))));
    model.checkpoint().ifPresent(own -> attempts.add(new Attempt(ShardOrigin.CHECKPOINT, "the checkpoint",
        () -> new ShardOffer(own.weights(), Optional.empty(), () -> {}))));
    Set<String> endpoints = new LinkedHashSet<>(holders);
    endpoints.addAll(usualPeers);
    endpoints.forEach(endpoint -> attempts.add(new Attempt(ShardOrigin.PEER, "peer " + endpoint, () -> peers.fetch(
        endpoint, id))));
    return attempts;
  }

  private LoadedShard load(ShardId id, Attempt attempt) {
    long begun = System.nanoTime();
    try (ShardOffer offer = attempt.open().get()) {
      ExpertShard shard = model.placing().load(id, offer.weights());
      try {
        String found = probe.digest(shard, batch -> model.computation().compute(batch, _ -> shard));
        requireSame(id, offer.probe(), found);
        count(attempt.origin(), shard.bytes());
        LOG.info("{}: {} bytes from {} in {} ms", id, shard.bytes(), attempt.name(), Duration.ofNanos(System.nanoTime()
            - begun).toMillis());
        return new LoadedShard(shard, attempt.origin(), found);
      } catch (RuntimeException e) {
        shard.close();
        throw e;
      }
    }
  }

  private static void requireSame(ShardId id, Optional<String> expected, String found) {
    if (expected.isPresent() && !expected.get().equals(found)) {
      throw new CheckpointException("%s: its probe gives %s, expected %s: it computes other than it did where it was "
          .formatted(id, found, expected.get()) + "loaded first");
    }
  }

  private void count(ShardOrigin origin, long bytes) {
    synchronized (totals) {
      totals.merge(origin, Total.NONE.plus(bytes), (a, b) -> a.plus(bytes));
    }
  }
}
