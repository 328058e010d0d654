package io.llada.cluster;

/// One expert group of one layer, as a lease and a placement record name it.
///
/// @param layer 0-based layer of the model
/// @param group 0-based expert group within the layer
public record HeldShard(int layer, int group) {
  public HeldShard {
    if (layer < 0 || group < 0) {
      throw new IllegalArgumentException("layer and group must not be negative, found " + layer + ", " + group);
    }
  }
}
