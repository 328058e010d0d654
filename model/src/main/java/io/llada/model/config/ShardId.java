package io.llada.model.config;

/// One expert group of one MoE layer: the unit of placement and of reduction.
///
/// @param layer 0-based layer of the model
/// @param group 0-based expert group within the layer
public record ShardId(int layer, int group) implements Comparable<ShardId> {
  public ShardId {
    if (layer < 0 || group < 0) {
      throw new IllegalArgumentException("layer and group must not be negative, found " + layer + ", " + group);
    }
  }

  @Override
  public int compareTo(ShardId other) {
    return layer != other.layer ? Integer.compare(layer, other.layer) : Integer.compare(group, other.group);
  }

  @Override
  public String toString() {
    return "layer " + layer + " group " + group;
  }
}
