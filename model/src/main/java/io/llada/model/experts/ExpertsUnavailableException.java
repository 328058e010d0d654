package io.llada.model.experts;

import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/// A layer's experts could not be computed. The computation is pure: repeating it later is safe.
public final class ExpertsUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int layer;
  private final TreeSet<Integer> groups;
  private final transient MissingExperts missing;

  /// @param layer MoE layer
  /// @param groups expert groups that were not computed
  /// @param message names layer, groups, the nodes concerned and what to do
  public ExpertsUnavailableException(int layer, Set<Integer> groups, String message) {
    this(layer, groups, message, MissingExperts.NONE);
  }

  /// As above, for want of an owner, which was waited for.
  ///
  /// @param missing the shards that nobody holds now
  public ExpertsUnavailableException(int layer, Set<Integer> groups, String message, MissingExperts missing) {
    super(message);
    this.layer = layer;
    this.groups = new TreeSet<>(groups);
    this.missing = missing;
  }

  /// As above, with what it came from.
  public ExpertsUnavailableException(int layer, Set<Integer> groups, String message, Throwable cause) {
    super(message, cause);
    this.layer = layer;
    this.groups = new TreeSet<>(groups);
    this.missing = MissingExperts.NONE;
  }

  public int layer() {
    return layer;
  }

  /// Expert groups that were not computed, ascending.
  public SortedSet<Integer> groups() {
    return new TreeSet<>(groups);
  }

  /// Shards that nobody holds and that were waited for in vain; none when it failed for another reason.
  public MissingExperts missing() {
    return missing;
  }
}
