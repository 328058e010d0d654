package io.llada.coordinator.placement;

import io.llada.model.config.ShardId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// Says which nodes hold which shards. A pure function: the same inputs give the same plan on every coordinator and
/// every JVM, in whatever order they are named.
///
/// What nodes hold is kept; what is lost is restored, shards that nobody holds first; replicas beyond the wanted number
/// are spent on hot groups. Every layer is spread evenly by itself, by load over speed, because a step waits for the
/// slowest node of each layer; then the total. Replicas of a shard are on different nodes, and in different zones
/// where there are some. Loading is the price of a plan: for the sake of balance no node takes much more than its fair
/// share of all replicas, and nothing moves for less than a visible gain.
///
/// @param shards every shard of the model
/// @param shardBytes memory one shard takes
/// @param goals what to achieve
public record PlacementPlanner(List<ShardId> shards, long shardBytes, PlacementGoals goals) implements Planner {
  /// A node that holds less than this part of its share of what is held is a newcomer.
  private static final double SETTLED_SHARE = 0.9;
  private static final int MAX_PASSES = 6;
  /// Loads are told apart in this many steps of the largest, speeds in this many steps of the highest.
  private static final int STEPS = 100;
  /// A group is hot when a replica of it has this many times the load of its layer's mean.
  private static final double HOT = 1.25;

  /// A node to plan with.
  ///
  /// @param nodeId name of the node
  /// @param capacityBytes bytes of shards it may hold
  /// @param speed how fast it computes beside the others; in any unit, the same for all
  /// @param zone what fails together with it; empty where nobody said
  /// @param held shards it holds already
  /// @param outOfReach shards it could not load
  public record Node(String nodeId, long capacityBytes, double speed, String zone, Set<ShardId> held,
      Set<ShardId> outOfReach) {
    public Node {
      if (!(speed > 0) || speed == Double.POSITIVE_INFINITY) {
        throw new IllegalArgumentException("the speed of %s must be positive, found %s".formatted(nodeId, speed));
      }
      held = Set.copyOf(held);
      outOfReach = Set.copyOf(outOfReach);
    }

    /// A node that could load every shard.
    Node(String nodeId, long capacityBytes, double speed, String zone, Set<ShardId> held) {
      this(nodeId, capacityBytes, speed, zone, held, Set.of());
    }

    Node holding(Collection<ShardId> shards) {
      return new Node(nodeId, capacityBytes, speed, zone, Set.copyOf(shards), outOfReach);
    }
  }

  /// What to hold where.
  ///
  /// @param shardsOf shards of every node, ascending
  /// @param unplaced shards for which no node has room, or that no node with room could load
  /// @param underReplicated shards with fewer replicas than wanted, for lack of nodes or memory
  /// @param loads replicas that have to be loaded
  public record Plan(SortedMap<String, List<ShardId>> shardsOf, List<ShardId> unplaced, List<ShardId> underReplicated,
      int loads) {
    /// The nodes of every placed shard, ascending.
    SortedMap<ShardId, List<String>> owners() {
      SortedMap<ShardId, List<String>> owners = new TreeMap<>();
      shardsOf.forEach(
          (node, held) -> held.forEach(shard -> owners.computeIfAbsent(shard, id -> new ArrayList<>()).add(node)));
      return owners;
    }
  }

  public PlacementPlanner {
    shards = shards.stream().sorted().toList();
  }

  @Override
  public Plan plan(Collection<Node> nodes, PlanTerms terms) {
    List<Node> sorted = withSteps(nodes);
    Layout layout = settled(sorted, terms);
    SortedMap<String, List<ShardId>> shardsOf = new TreeMap<>();
    for (int node = 0; node < sorted.size(); node++) {
      shardsOf.put(sorted.get(node).nodeId(), layout.shardsOn(node));
    }
    return new Plan(shardsOf, layout.select(shard -> layout.replicas(shard) == 0),
        layout.select(shard -> layout.replicas(shard) > 0 && layout.replicas(shard) < goals.replicas()),
        loads(layout, sorted));
  }

  /// Plans until a plan that is held would not be changed, so that nothing moves without a cause.
  private Layout settled(List<Node> nodes, PlanTerms terms) {
    Layout layout = layout(nodes, terms);
    int left = terms.maxMoves();
    for (int pass = 1; pass < MAX_PASSES; pass++) {
      Layout before = layout;
      left = Math.max(0, left - before.loads());
      layout = layout(IntStream.range(0, nodes.size()).mapToObj(i -> nodes.get(i).holding(before.shardsOn(i))).toList(),
          terms.withMoves(left));
      if (IntStream.range(0, nodes.size()).allMatch(layout::holdsWhatItHeld)) {
        return layout;
      }
    }
    return layout;
  }

  /// Replicas that nodes do not hold yet.
  private static int loads(Layout layout, List<Node> nodes) {
    return IntStream.range(0, nodes.size())
        .map(i -> (int) layout.shardsOn(i).stream().filter(shard -> !nodes.get(i).held().contains(shard)).count())
        .sum();
  }

  private Layout layout(List<Node> nodes, PlanTerms terms) {
    int[] room = nodes.stream().mapToInt(node -> (int) Math.min(shards.size(), node.capacityBytes() / shardBytes))
        .toArray();
    Layout layout = new Layout(shards, nodes, weights(terms.load()), room);
    int[] wanted = wanted(layout);
    new LayoutReplicas(layout, wanted).run();
    LayoutBalance.free(layout).run();
    spreadOverZones(layout, terms);
    int most = (int) Math.min(Integer.MAX_VALUE, (long) layout.loads() + terms.maxMoves());
    new LayoutBalance(layout, new LayoutBalance.Price(limits(layout, terms), newcomers(layout), terms.uneven(), most))
        .run();
    return layout;
  }

  /// The nodes by id, their speeds in steps: small differences are noise and must not move anything.
  private static List<Node> withSteps(Collection<Node> nodes) {
    double fastest = nodes.stream().mapToDouble(Node::speed).max().orElse(1);
    return nodes.stream().sorted(Comparator.comparing(Node::nodeId))
        .map(node -> new Node(node.nodeId(), node.capacityBytes(), steps(node.speed() / fastest), node.zone(),
            node.held(), node.outOfReach()))
        .toList();
  }

  private static int steps(double part) {
    return Math.max(1, (int) Math.round(part * STEPS));
  }

  private int[] weights(Map<ShardId, Long> rows) {
    double mean = rows.values().stream().mapToLong(Long::longValue).average().orElse(0);
    double largest = rows.values().stream().mapToLong(Long::longValue).max().orElse(0);
    return shards.stream().mapToInt(shard -> {
      Long known = rows.get(shard);
      return largest <= 0 ? STEPS : steps((known == null ? mean : known) / largest);
    }).toArray();
  }

  /// How many replicas each shard should have: hot groups get one more, again and again.
  private int[] wanted(Layout layout) {
    int[] wanted = new int[layout.shards()];
    Arrays.fill(wanted, Math.min(goals.replicas(), layout.nodes()));
    double[] mean = new double[layout.layers()];
    int[] groups = new int[layout.layers()];
    for (int shard = 0; shard < wanted.length; shard++) {
      mean[layout.layer(shard)] += layout.weight(shard);
      groups[layout.layer(shard)]++;
    }
    for (int extra = 0; extra < goals.hotReplicas(); extra++) {
      OptionalInt hottest = IntStream.range(0, wanted.length)
          .filter(shard -> wanted[shard] < layout.nodes() && layout.weight(shard) / (double) wanted[shard] > HOT
              * mean[layout.layer(shard)] / groups[layout.layer(shard)] / goals.replicas())
          .boxed().max(Comparator.comparingDouble((Integer shard) -> layout.weight(shard) / (double) wanted[shard])
              .thenComparing(Comparator.reverseOrder()))
          .stream().mapToInt(Integer::intValue).findFirst();
      hottest.ifPresent(shard -> wanted[shard]++);
    }
    return wanted;
  }

  /// Moves replicas that share a zone to a zone without one, as far as nodes may take them.
  private static void spreadOverZones(Layout layout, PlanTerms terms) {
    int[] limits = limits(layout, terms);
    for (int shard = 0; shard < layout.shards(); shard++) {
      int crowded = shard;
      layout.holders(shard).filter(node -> layout.zoneMates(node, crowded) > 0).boxed()
          .max(Comparator.comparingDouble((Integer node) -> layout.layerTime(node, crowded)))
          .ifPresent(from -> layout.candidates(crowded)
              .filter(to -> layout.zoneMates(to, crowded) == 0 && layout.used(to) < limits[to]).boxed()
              .min(Comparator.comparingDouble((Integer to) -> layout.layerTimeWith(to, crowded)))
              .ifPresent(to -> layout.move(crowded, from, to)));
    }
  }

  /// How many replicas each node may have after moves that cost loading.
  private static int[] limits(Layout layout, PlanTerms terms) {
    int replicas = IntStream.range(0, layout.shards()).map(layout::replicas).sum();
    return Arrays.stream(shares(layout, replicas)).mapToInt(fair -> (int) (terms.maxShare() * fair)).toArray();
  }

  /// Nodes that hold visibly less than their part of what is held: they have joined, or were about to.
  private static boolean[] newcomers(Layout layout) {
    int[] held = IntStream.range(0, layout.nodes()).map(layout::residents).toArray();
    double[] fair = shares(layout, Arrays.stream(held).sum());
    boolean[] newcomers = new boolean[layout.nodes()];
    for (int node = 0; node < newcomers.length; node++) {
      newcomers[node] = held[node] + 1 < SETTLED_SHARE * fair[node];
    }
    return newcomers;
  }

  /// Replicas divided by speed.
  private static double[] shares(Layout layout, int replicas) {
    double speeds = IntStream.range(0, layout.nodes()).mapToDouble(layout::speed).sum();
    return IntStream.range(0, layout.nodes()).mapToDouble(node -> replicas * layout.speed(node) / speeds).toArray();
  }
}
