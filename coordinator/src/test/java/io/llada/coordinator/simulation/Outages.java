package io.llada.coordinator.simulation;

import io.llada.model.config.ShardId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// When no coordinator could have had a shard computed, however well it dispatched: the excuse of a request that fails.
final class Outages {
  /// Outages of this length together may use up the patience of a request, what it takes to notice their ends included.
  private static final long EXCUSE = 6_000_000_000L;

  private final SimulatedCluster cluster;
  private final Map<String, Spell[]> spells = new HashMap<>();
  private final Map<String, List<SimulatedNetwork.Path>> paths = new HashMap<>();
  private final Map<String, Integer> lastThere = new HashMap<>();

  /// The outages of one shard for one coordinator: the present one and those before.
  private static final class Spell {
    private long since = -1;
    private final List<long[]> past = new ArrayList<>();
  }

  Outages(SimulatedCluster cluster) {
    this.cluster = cluster;
  }

  /// Notes which shards can be had at this moment.
  void look() {
    List<ShardId> shards = SimulatedModel.shards();
    for (CoordinatorProcess coordinator : cluster.coordinators()) {
      int there = 0;
      List<SimulatedNetwork.Path> paths = this.paths.computeIfAbsent(coordinator.id(), id -> cluster.nodes().stream()
          .map(node -> cluster.network().path(id, node.endpoint())).toList());
      for (int i = 0; i < paths.size(); i++) {
        NodeProcess node = cluster.nodes().get(i);
        if (!node.isDead() && !node.isFrozen() && paths.get(i).isWhole()) {
          there |= cluster.held(node);
        }
      }
      if (lastThere.put(coordinator.id(), there) instanceof Integer before && before == there) {
        continue;
      }
      Spell[] known = spells.computeIfAbsent(coordinator.id(), id -> spells());
      for (int shard = 0; shard < shards.size(); shard++) {
        note(known[shard], (there >> shard & 1) == 1);
      }
    }
  }

  private static Spell[] spells() {
    Spell[] spells = new Spell[SimulatedModel.shards().size()];
    for (int shard = 0; shard < spells.length; shard++) {
      spells[shard] = new Spell();
    }
    return spells;
  }

  private void note(Spell spell, boolean isThere) {
    long now = cluster.time().now();
    if (!isThere && spell.since < 0) {
      spell.since = now;
    } else if (isThere && spell.since >= 0) {
      spell.past.add(new long[]{spell.since, now});
      spell.since = -1;
    }
  }

  /// Whether some shard of a request was away for long enough while it waited.
  boolean excuse(String coordinator, LayerRequest request) {
    Spell[] known = spells.get(coordinator);
    for (int shard = 0; shard < known.length; shard++) {
      ShardId id = SimulatedModel.shards().get(shard);
      if (id.layer() == request.work().layer() && SimulatedModel.groups(request.work()).contains(id.group())
          && total(known[shard], request.startedAt()) >= EXCUSE) {
        return true;
      }
    }
    return false;
  }

  private long total(Spell spell, long from) {
    long now = cluster.time().now();
    long total = spell.since < 0 ? 0 : now - Math.max(spell.since, from);
    for (long[] past : spell.past) {
      total += Math.max(0, past[1] - Math.max(past[0], from));
    }
    return total;
  }
}
