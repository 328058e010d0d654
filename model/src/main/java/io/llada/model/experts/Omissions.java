package io.llada.model.experts;

import io.llada.model.config.ShardId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// What a forward pass may go without, and what it went without. One for each pass that may; used by its thread alone.
public final class Omissions {
  private final MissingExperts allowed;
  private final List<Omission> made = new ArrayList<>();
  private final Set<ShardId> held = new HashSet<>();

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

  /// Takes down that somebody holds an allowed shard again; when it is lost once more, it is to be waited for.
  public void foundHeld(ShardId shard) {
    held.add(shard);
  }

  /// What may be left out by the next pass: what is allowed, without what was found held.
  public MissingExperts stillAllowed() {
    Set<ShardId> shards = new HashSet<>(allowed.shards());
    shards.removeAll(held);
    return new MissingExperts(allowed.epoch(), shards);
  }

  /// In order of layers.
  public List<Omission> made() {
    return List.copyOf(made);
  }
}
