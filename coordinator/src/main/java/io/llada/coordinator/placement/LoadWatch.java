package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// What nodes are measured to take and shards to get, and since when that has not gone together. For one thread at a time.
final class LoadWatch {
  private final Rebalancing settings;
  private final NodeSpeeds speeds = new NodeSpeeds();
  private final RoutedPairs routed;
  private Optional<Long> notedAt = Optional.empty();
  private boolean hasMeasured;
  private Optional<Long> unevenSince = Optional.empty();
  private Optional<Long> plannedAt = Optional.empty();

  LoadWatch(Rebalancing settings, ExpertModel model) {
    this.settings = settings;
    routed = new RoutedPairs(model);
  }

  RoutedPairs routed() {
    return routed;
  }

  /// Takes note of what was measured since.
  ///
  /// @param paces of the nodes there are, by node id
  void note(Map<String, Pace> paces, long now) {
    Duration since = Duration.ofNanos(now - notedAt.orElse(now));
    speeds.note(paces, since);
    routed.fade(since, settings.halfLife());
    notedAt = Optional.of(now);
    hasMeasured |= paces.values().stream().anyMatch(pace -> pace.dispatches() > 0);
  }

  /// Speed of a node beside the others, 1 for the average one.
  double speed(String nodeId) {
    return speeds.of(nodeId);
  }

  /// Load of the shards beside each other; one that is not named has the mean.
  Map<ShardId, Long> load() {
    return routed.load();
  }

  /// How much longer the slowest node takes than all would with the load spread to perfection; 1: not at all.
  ///
  /// @param shardsOf shards of every node; a shard's load is divided evenly among its replicas
  double imbalance(Map<String, ? extends Collection<ShardId>> shardsOf) {
    Map<ShardId, Long> load = load();
    Map<ShardId, Integer> replicas = new HashMap<>();
    shardsOf.values().forEach(shards -> shards.forEach(shard -> replicas.merge(shard, 1, Integer::sum)));
    double longest = 0;
    double loads = 0;
    double fast = 0;
    for (Map.Entry<String, ? extends Collection<ShardId>> node : shardsOf.entrySet()) {
      double own = node.getValue().stream()
          .mapToDouble(shard -> (double) load.getOrDefault(shard, RoutedPairs.MEAN) / replicas.get(shard)).sum();
      longest = Math.max(longest, own / speed(node.getKey()));
      loads += own;
      fast += speed(node.getKey());
    }
    return loads == 0 ? 1 : longest / (loads / fast);
  }

  /// Whether it has been uneven for long enough, and the last plan is long ago.
  boolean isPlanDue(double imbalance, long now) {
    if (imbalance <= settings.threshold()) {
      unevenSince = Optional.empty();
      return false;
    }
    unevenSince = Optional.of(unevenSince.orElse(now));
    return now - unevenSince.get() >= settings.patience().toNanos()
        && plannedAt.filter(at -> now - at < settings.interval().toNanos()).isEmpty();
  }

  /// A plan was made, or there was none to make.
  void planned(long now) {
    plannedAt = Optional.of(now);
    unevenSince = Optional.empty();
  }

  /// For a plan that is made because nodes come or go.
  PlanTerms terms() {
    return hasMeasured ? PlanTerms.joining(load()) : PlanTerms.EVEN;
  }

  /// For a plan that is made for balance.
  ///
  /// @param replicas of all shards together
  PlanTerms balancingTerms(int replicas) {
    return PlanTerms.balancing(load(), settings.threshold(), (int) Math.ceil(settings.maxShare() * replicas));
  }
}
