package io.llada.coordinator.placement;

/// What a placement should achieve beside a place for every shard.
///
/// @param replicas nodes that should hold each shard, as far as there are nodes and memory
/// @param hotReplicas replicas beyond that, for the whole model, spent on the groups that get most rows
public record PlacementGoals(int replicas, int hotReplicas) {
  /// Every shard once: what memory allows everywhere.
  public static final PlacementGoals SINGLE = new PlacementGoals(1, 0);

  private static final int MAX_REPLICAS = 16;

  public PlacementGoals {
    if (replicas < 1 || replicas > MAX_REPLICAS || hotReplicas < 0) {
      throw new IllegalArgumentException("a shard has 1 to %d replicas and hot groups 0 or more beyond, found %d and %d"
          .formatted(MAX_REPLICAS, replicas, hotReplicas));
    }
  }

  /// Every shard on `replicas` nodes.
  public static PlacementGoals of(int replicas) {
    return new PlacementGoals(replicas, 0);
  }
}
