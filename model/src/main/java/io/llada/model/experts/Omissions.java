package io.llada.model.experts;

import java.util.ArrayList;
import java.util.List;

/// What a forward pass may go without, and what it went without. One for each pass that may; used by its thread alone.
public final class Omissions {
  private final MissingExperts allowed;
  private final List<Omission> made = new ArrayList<>();

  /// Rows of one group that were not computed.
  ///
  /// @param rows indices into the pass's rows, ascending
  public record Omission(int layer, int group, int[] rows) {}

  /// @param allowed shards that need not be waited for again
  public Omissions(MissingExperts allowed) {
    this.allowed = allowed;
  }

  /// Of a pass that must not go without anything.
  public static Omissions none() {
    return new Omissions(MissingExperts.NONE);
  }

  public MissingExperts allowed() {
    return allowed;
  }

  /// Takes down that rows count as zero for a group.
  public void add(Omission omission) {
    made.add(omission);
  }

  /// In order of layers.
  public List<Omission> made() {
    return List.copyOf(made);
  }
}
