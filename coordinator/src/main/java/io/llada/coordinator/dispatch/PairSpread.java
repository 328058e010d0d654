package io.llada.coordinator.dispatch;

import java.util.Collection;

/// How evenly layers were divided among nodes: a layer waits for the node with the most pairs.
///
/// @param busiest pairs of the node that was asked for the most, summed over layers
/// @param all pairs of all nodes, summed over layers
public record PairSpread(long busiest, long all) {
  public static final PairSpread NONE = new PairSpread(0, 0);

  /// One layer.
  static PairSpread ofLayer(Collection<Integer> pairsOfNodes) {
    return new PairSpread(pairsOfNodes.stream().mapToInt(Integer::intValue).max().orElse(0),
        pairsOfNodes.stream().mapToInt(Integer::intValue).sum());
  }

  public PairSpread plus(PairSpread other) {
    return new PairSpread(busiest + other.busiest, all + other.all);
  }

  public PairSpread minus(PairSpread other) {
    return new PairSpread(busiest - other.busiest, all - other.all);
  }

  /// What the busiest node of a layer has beside an even share; 1: no more than that, and where there was nothing.
  public double besideEven(int nodes) {
    return all == 0 ? 1 : (double) busiest * nodes / all;
  }
}
