package io.llada.model.experts;

import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/// A layer's experts could not be computed. The computation is pure: repeating it later is safe.
public final class ExpertsUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int layer;
  private final TreeSet<Integer> groups;

  /// @param layer MoE layer
  /// @param groups expert groups that were not computed
  /// @param message names layer, groups, the nodes concerned and what to do
  public ExpertsUnavailableException(int layer, Set<Integer> groups, String message) {
    super(message);
    this.layer = layer;
    this.groups = new TreeSet<>(groups);
  }

  /// As above, with what it came from.
  public ExpertsUnavailableException(int layer, Set<Integer> groups, String message, Throwable cause) {
    super(message, cause);
    this.layer = layer;
    this.groups = new TreeSet<>(groups);
  }

  public int layer() {
    return layer;
  }

  /// Expert groups that were not computed, ascending.
  public SortedSet<Integer> groups() {
    return new TreeSet<>(groups);
  }
}
