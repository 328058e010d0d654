package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.util.Map;

/// What a plan goes by beside the nodes.
///
/// @param load pairs that every shard gets beside the others; a shard that is not named counts as the mean
/// @param uneven a layer is evened out by loading shards when a node takes this many times its mean time
/// @param maxShare the most a node takes for the sake of balance, in its fair share of all replicas
/// @param maxMoves shards that may be loaded for the sake of balance alone
public record PlanTerms(Map<ShardId, Long> load, double uneven, double maxShare, int maxMoves) {
  /// A layer this uneven is evened out whenever nodes come or go.
  static final double VERY_UNEVEN = 1.5;
  /// Whoever joins gets no more than this.
  static final double JOINER_SHARE = 1.1;
  /// Where groups weigh differently, an even load is an uneven number of shards.
  static final double BALANCED_SHARE = 1.5;
  /// Every shard gets as many pairs.
  public static final PlanTerms EVEN = of(Map.of());

  public PlanTerms {
    load = Map.copyOf(load);
    if (!(uneven >= 1) || !(maxShare >= 1) || maxMoves < 0) {
      throw new IllegalArgumentException("uneven and share are 1 or more and moves 0 or more, found %s, %s and %d"
          .formatted(uneven, maxShare, maxMoves));
    }
  }

  /// For a plan that is made because nodes come or go, when something has been measured: newcomers take what they should,
  /// and evening out the rest is left to a plan of its own, which is bounded.
  static PlanTerms joining(Map<ShardId, Long> load) {
    return new PlanTerms(load, Double.POSITIVE_INFINITY, JOINER_SHARE, Integer.MAX_VALUE);
  }

  /// Without a bound.
  public static PlanTerms of(Map<ShardId, Long> load) {
    return new PlanTerms(load, VERY_UNEVEN, JOINER_SHARE, Integer.MAX_VALUE);
  }

  /// For a plan that is made for balance.
  static PlanTerms balancing(Map<ShardId, Long> load, double uneven, int maxMoves) {
    return new PlanTerms(load, uneven, BALANCED_SHARE, maxMoves);
  }

  /// The same with fewer moves.
  PlanTerms withMoves(int left) {
    return new PlanTerms(load, uneven, maxShare, left);
  }
}
