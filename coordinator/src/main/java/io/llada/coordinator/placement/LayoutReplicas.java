package io.llada.coordinator.placement;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Gives every shard its replicas: keeps what nodes hold, drops what is too much and adds what is missing, the poorest
/// shards first. A replica is missing in the end only where no node that could load it has room, or none is left.
///
/// @param layout nobody holds anything yet
/// @param wanted replicas of every shard
record LayoutReplicas(Layout layout, int[] wanted) {
  void run() {
    keep();
    restore();
  }

  /// Starts from what the nodes hold and drops what is too much.
  private void keep() {
    for (int shard = 0; shard < layout.shards(); shard++) {
      for (int node = 0; node < layout.nodes(); node++) {
        if (layout.isResident(node, shard)) {
          layout.add(node, shard);
        }
      }
    }
    for (int shard = 0; shard < layout.shards(); shard++) {
      while (layout.replicas(shard) > wanted[shard]) {
        layout.remove(mostSpare(shard), shard);
      }
    }
    // A node whose memory shrank gives up what others hold too, then whatever it must.
    for (int node = 0; node < layout.nodes(); node++) {
      while (layout.isOverfull(node)) {
        layout.remove(node, leastMissed(node).orElseThrow());
      }
    }
  }

  /// The holder that can do best without the shard.
  private int mostSpare(int shard) {
    return layout.holders(shard).boxed().max(Comparator.comparingInt((Integer node) -> layout.zoneMates(node, shard))
        .thenComparing(node -> layout.layerTime(node, shard)).thenComparing(layout::totalTime)
        .thenComparing(Comparator.naturalOrder())).orElseThrow();
  }

  /// The shard of a node that has most other holders.
  private OptionalInt leastMissed(int node) {
    return IntStream.range(0, layout.shards()).filter(shard -> layout.holds(node, shard)).boxed()
        .max(Comparator.comparingInt(layout::replicas).thenComparing(layout::weight, Comparator.reverseOrder())
            .thenComparing(Comparator.naturalOrder()))
        .stream().mapToInt(Integer::intValue).findFirst();
  }

  /// Adds replicas, one to the poorest shards, then one more, until all have what they should.
  private void restore() {
    List<Integer> heaviestFirst = IntStream.range(0, layout.shards()).boxed()
        .sorted(Comparator.comparing(layout::weight, Comparator.reverseOrder())).toList();
    int most = Arrays.stream(wanted).max().orElse(0);
    for (int level = 0; level < most; level++) {
      for (int shard : heaviestFirst) {
        if (layout.replicas(shard) == level && wanted[shard] > level) {
          place(shard);
        }
      }
    }
  }

  private void place(int shard) {
    layout.candidates(shard).boxed().min(Comparator.comparingInt((Integer node) -> layout.zoneMates(node, shard))
        .thenComparing(node -> layout.layerTimeWith(node, shard))
        .thenComparing(node -> layout.totalTimeWith(node, shard)).thenComparing(node -> layout.draw(node, shard)))
        .ifPresentOrElse(node -> layout.add(node, shard), () -> {
          if (!makeWay(shard) && layout.replicas(shard) == 0) {
            squeezeIn(shard);
          }
        });
  }

  /// Where those with room have the shard: one that lacks it and is full gives another shard to one with room. Nobody
  /// gives what it alone holds, or it would have to let go of it before it is loaded elsewhere.
  ///
  /// @return whether that was possible
  private boolean makeWay(int shard) {
    Optional<Way> way = nodes(layout::hasRoom)
        .flatMap(to -> nodes(node -> !layout.holds(node, shard) && layout.isInReach(node, shard))
            .flatMap(from -> ways(from, to)))
        .min(Comparator.comparingInt(this::loads).thenComparingInt(found -> layout.zoneMates(found.to, found.given))
            .thenComparingDouble(found -> layout.layerTimeWith(found.from, shard))
            .thenComparingDouble(found -> layout.layerTimeWith(found.to, found.given)));
    way.ifPresent(found -> {
      layout.move(found.given, found.from, found.to);
      layout.add(found.from, shard);
    });
    return way.isPresent();
  }

  /// A shard that goes from a full node to one with room.
  private record Way(int given, int from, int to) {}

  private Stream<Integer> nodes(IntPredicate rule) {
    return IntStream.range(0, layout.nodes()).filter(rule).boxed();
  }

  private Stream<Way> ways(int from, int to) {
    return IntStream.range(0, layout.shards())
        .filter(given -> layout.holds(from, given) && !layout.holds(to, given) && layout.isInReach(to, given)
            && (layout.replicas(given) > 1 || !layout.isResident(from, given)))
        .mapToObj(given -> new Way(given, from, to));
  }

  private int loads(Way way) {
    return (layout.isResident(way.to, way.given) ? 0 : 1) - (layout.isResident(way.from, way.given) ? 0 : 1);
  }

  /// A first replica takes the place of somebody's second.
  private void squeezeIn(int shard) {
    IntStream.range(0, layout.nodes()).boxed()
        .filter(node -> layout.isInReach(node, shard)
            && leastMissed(node).stream().anyMatch(other -> layout.replicas(other) > 1))
        .min(Comparator.comparingDouble((Integer node) -> layout.layerTimeWith(node, shard))
            .thenComparing(Comparator.naturalOrder()))
        .ifPresent(node -> {
          layout.remove(node, leastMissed(node).orElseThrow());
          layout.add(node, shard);
        });
  }
}
