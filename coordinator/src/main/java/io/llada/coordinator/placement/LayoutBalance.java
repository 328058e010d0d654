package io.llada.coordinator.placement;

import java.util.Optional;

/// Moves replicas until no move makes a layout evener: first within every layer, because a step waits for the slowest
/// node of each layer, then in total where that costs no layer anything.
///
/// A move to a node that has the shard is free. So is, while nothing else may be loaded, the move of a replica that has
/// to be loaded anyway. Any other move must be worth it and keep the receiver within its limit. Every move lessens a sum
/// of squares, so the search ends; it is bounded all the same.
///
/// @param layout what is balanced
/// @param price what costly moves may cost; empty: there are none
record LayoutBalance(Layout layout, Optional<Price> price) {
  private static final int MAX_ROUNDS = 8;

  /// What moves may cost.
  ///
  /// @param limits replicas a node may have after costly moves
  /// @param isNew which nodes have too little to do; the others take part in costly moves only where a layer is uneven
  /// @param uneven a layer is uneven when a node takes this many times its mean time
  /// @param maxLoads replicas that may have to be loaded in all, those included that have to be anyway
  record Price(int[] limits, boolean[] isNew, double uneven, int maxLoads) {}

  /// A replica on its way.
  private record Move(int shard, int from, int to, double gain) {}

  /// Without any costly move.
  static LayoutBalance free(Layout layout) {
    return new LayoutBalance(layout, Optional.empty());
  }

  LayoutBalance(Layout layout, Price price) {
    this(layout, Optional.of(price));
  }

  void run() {
    boolean changed = true;
    for (int round = 0; changed && round < MAX_ROUNDS; round++) {
      changed = false;
      for (int layer = 0; layer < layout.layers(); layer++) {
        changed |= balanceLayer(layer);
      }
      changed |= balanceTotal();
    }
  }

  private boolean balanceLayer(int layer) {
    boolean changed = false;
    for (int i = 0; i < maxMoves(); i++) {
      Move best = null;
      for (int shard = 0; shard < layout.shards(); shard++) {
        best = layout.layer(shard) == layer ? better(best, bestInLayer(shard)) : best;
      }
      if (best != null) {
        layout.move(best.shard, best.from, best.to);
      } else if (!swapInto(layer)) {
        return changed;
      }
      changed = true;
    }
    return changed;
  }

  private int maxMoves() {
    return layout.shards() * layout.nodes();
  }

  private static Move better(Move a, Move b) {
    return a == null || b != null && b.gain > a.gain ? b : a;
  }

  private Move bestInLayer(int shard) {
    Move best = null;
    for (int from = 0; from < layout.nodes(); from++) {
      for (int to = 0; to < layout.nodes() && layout.holds(from, shard); to++) {
        if (isPossible(shard, from, to) && layout.hasRoom(to)
            && (isFree(shard, from, to) || isWithinLimit(to, 1) && isDue(shard, from, to))) {
          double gain = layout.layerGain(shard, from, to);
          best = gain > least(shard, from, to) ? better(best, new Move(shard, from, to, gain)) : best;
        }
      }
    }
    return best;
  }

  private boolean isPossible(int shard, int from, int to) {
    return layout.holds(from, shard) && !layout.holds(to, shard) && layout.isInReach(to, shard)
        && !layout.crowdsZone(shard, from, to);
  }

  private int cost(int node, int shard) {
    return layout.isResident(node, shard) ? 0 : 1;
  }

  private boolean isFree(int shard, int from, int to) {
    return cost(to, shard) == 0 || price.isEmpty() && cost(from, shard) == 1;
  }

  private boolean isDue(int shard, int from, int to) {
    return price.filter(paid -> paid.isNew[to]
        || layout.layerTime(from, shard) > paid.uneven * layout.meanTime(layout.layer(shard))).isPresent();
  }

  private boolean isNew(int node) {
    return price.filter(paid -> paid.isNew[node]).isPresent();
  }

  /// Whether a node may take a replica that has to be loaded, together with this many in all.
  private boolean isWithinLimit(int node, int loads) {
    return price.filter(paid -> layout.used(node) < paid.limits[node] && layout.loads() + loads <= paid.maxLoads)
        .isPresent();
  }

  private double least(int shard, int from, int to) {
    return isFree(shard, from, to) ? 0 : layout.leastGain(shard, from, to);
  }

  /// Where nodes are full: exchanges a replica of this layer for one of any layer.
  private boolean swapInto(int layer) {
    for (int shard = 0; shard < layout.shards(); shard++) {
      for (int from = 0; layout.layer(shard) == layer && from < layout.nodes(); from++) {
        for (int to = 0; to < layout.nodes(); to++) {
          if (isPossible(shard, from, to) && !layout.hasRoom(to) && swap(shard, from, to)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private boolean swap(int shard, int from, int to) {
    double gain = layout.layerGain(shard, from, to);
    if (gain <= least(shard, from, to)) {
      return false;
    }
    layout.move(shard, from, to);
    Move back = new Move(shard, to, from, 0);
    for (int other = 0; other < layout.shards(); other++) {
      boolean isFree = cost(to, shard) + cost(from, other) <= cost(from, shard) + cost(to, other);
      if (other != shard && isPossible(other, to, from)
          && (isFree || isDue(shard, from, to) && isWithinLimits(from, to))) {
        double least = isFree ? 0 : layout.leastGain(shard, from, to) + layout.leastGain(other, to, from);
        double sum = gain + layout.layerGain(other, to, from) - least;
        back = sum > back.gain ? new Move(other, to, from, sum) : back;
      }
    }
    layout.move(back.shard, back.from, back.to);
    return back.shard != shard;
  }

  /// Asked when one of the two has given already and the other has taken already.
  private boolean isWithinLimits(int giver, int taker) {
    return isWithinLimit(giver, 1)
        && price.filter(paid -> layout.used(taker) <= paid.limits[taker] + 1).isPresent();
  }

  /// Moves that leave their layer as even as it is.
  private boolean balanceTotal() {
    boolean changed = false;
    for (int i = 0; i < maxMoves(); i++) {
      Move best = null;
      for (int shard = 0; shard < layout.shards(); shard++) {
        best = better(best, bestInTotal(shard));
      }
      if (best == null) {
        return changed;
      }
      layout.move(best.shard, best.from, best.to);
      changed = true;
    }
    return changed;
  }

  private Move bestInTotal(int shard) {
    Move best = null;
    for (int from = 0; from < layout.nodes(); from++) {
      for (int to = 0; to < layout.nodes() && layout.holds(from, shard); to++) {
        if (isPossible(shard, from, to) && layout.hasRoom(to) && layout.layerGain(shard, from, to) >= 0
            && (isFree(shard, from, to) || isNew(to) && isWithinLimit(to, 1))) {
          double gain = layout.totalGain(shard, from, to);
          best = gain > least(shard, from, to) ? better(best, new Move(shard, from, to, gain)) : best;
        }
      }
    }
    return best;
  }
}
