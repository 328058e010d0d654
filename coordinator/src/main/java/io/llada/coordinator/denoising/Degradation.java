package io.llada.coordinator.denoising;

import java.util.SortedSet;
import java.util.TreeSet;

/// What a request went without.
///
/// @param layers in which expert groups were missing
/// @param groups that were missing in some of them
/// @param tokens rows not computed: one for each token, layer and missing group, in each forward pass
public record Degradation(SortedSet<Integer> layers, SortedSet<Integer> groups, long tokens) {
  public static final Degradation NONE = new Degradation(new TreeSet<>(), new TreeSet<>(), 0);

  /// With some rows of a group more.
  Degradation plus(int layer, int group, int rows) {
    SortedSet<Integer> allLayers = new TreeSet<>(layers);
    allLayers.add(layer);
    SortedSet<Integer> allGroups = new TreeSet<>(groups);
    allGroups.add(group);
    return new Degradation(allLayers, allGroups, tokens + rows);
  }
}
