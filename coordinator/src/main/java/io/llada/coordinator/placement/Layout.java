package io.llada.coordinator.placement;

import io.llada.coordinator.placement.PlacementPlanner.Node;
import io.llada.model.config.ShardId;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/// A plan in the making: who holds what, and the load that means for every node in every layer.
///
/// A replica carries its shard's weight divided by the number of replicas. Loads are whole numbers in fractions of a
/// weight, so that sums do not depend on the order in which they were made. Shards and nodes are named by their index
/// in the given lists. Mutable, for one thread.
final class Layout {
  /// Fractions of a weight: divisible by every number of replicas up to 16.
  private static final long FRACTIONS = 720_720;

  private final List<ShardId> shards;
  private final List<Node> nodes;
  private final int[] weight;
  private final int[] layerOf;
  private final int[] zoneOf;
  private final int[] room;
  private final double[] speed;
  private final boolean[][] resident;
  private final boolean[][] on;
  private final int[] count;
  private final int[] used;
  private final long[][] layerLoad;
  private final long[] totalLoad;
  private int loads;

  /// Nobody holds anything yet.
  ///
  /// @param shards ascending
  /// @param nodes ascending by id
  /// @param weights load of every shard, at least 1
  /// @param room shards that fit on every node
  Layout(List<ShardId> shards, List<Node> nodes, int[] weights, int[] room) {
    this.shards = shards;
    this.nodes = nodes;
    this.weight = weights;
    this.room = room;
    int[] layers = shards.stream().mapToInt(ShardId::layer).distinct().sorted().toArray();
    layerOf = shards.stream().mapToInt(shard -> Arrays.binarySearch(layers, shard.layer())).toArray();
    List<String> zones = nodes.stream().map(Node::zone).distinct().sorted().toList();
    zoneOf = nodes.stream().mapToInt(node -> zones.indexOf(node.zone())).toArray();
    speed = nodes.stream().mapToDouble(Node::speed).toArray();
    resident = new boolean[shards.size()][nodes.size()];
    for (int s = 0; s < shards.size(); s++) {
      for (int n = 0; n < nodes.size(); n++) {
        resident[s][n] = nodes.get(n).held().contains(shards.get(s));
      }
    }
    on = new boolean[shards.size()][nodes.size()];
    count = new int[shards.size()];
    used = new int[nodes.size()];
    layerLoad = new long[layers.length][nodes.size()];
    totalLoad = new long[nodes.size()];
  }

  int shards() {
    return shards.size();
  }

  int nodes() {
    return nodes.size();
  }

  int layer(int shard) {
    return layerOf[shard];
  }

  int layers() {
    return layerLoad.length;
  }

  int weight(int shard) {
    return weight[shard];
  }

  double speed(int node) {
    return speed[node];
  }

  boolean holds(int node, int shard) {
    return on[shard][node];
  }

  /// Whether the node has the shard already, so that nothing has to be loaded.
  boolean isResident(int node, int shard) {
    return resident[shard][node];
  }

  /// Shards the node has already.
  int residents(int node) {
    return (int) IntStream.range(0, shards()).filter(shard -> resident[shard][node]).count();
  }

  boolean holdsWhatItHeld(int node) {
    return IntStream.range(0, shards()).allMatch(shard -> on[shard][node] == resident[shard][node]);
  }

  /// Replicas that have to be loaded.
  int loads() {
    return loads;
  }

  int replicas(int shard) {
    return count[shard];
  }

  int used(int node) {
    return used[node];
  }

  boolean hasRoom(int node) {
    return used[node] < room[node];
  }

  boolean isOverfull(int node) {
    return used[node] > room[node];
  }

  void add(int node, int shard) {
    change(node, shard, true);
  }

  void remove(int node, int shard) {
    change(node, shard, false);
  }

  private void change(int node, int shard, boolean isThere) {
    load(shard, -share(shard));
    on[shard][node] = isThere;
    count[shard] += isThere ? 1 : -1;
    used[node] += isThere ? 1 : -1;
    loads += resident[shard][node] ? 0 : isThere ? 1 : -1;
    load(shard, share(shard));
  }

  private void load(int shard, long more) {
    for (int n = 0; n < nodes(); n++) {
      if (on[shard][n]) {
        layerLoad[layerOf[shard]][n] += more;
        totalLoad[n] += more;
      }
    }
  }

  /// Load of one replica.
  private long share(int shard) {
    return weight[shard] * FRACTIONS / Math.max(1, count[shard]);
  }

  void move(int shard, int from, int to) {
    remove(from, shard);
    add(to, shard);
  }

  /// How much evener the layer becomes when a replica moves: the fall of the sum of load squared by speed, over the
  /// nodes. Zero: as even as before.
  double layerGain(int shard, int from, int to) {
    long[] load = layerLoad[layerOf[shard]];
    return gain(shard, from, to, load[from], load[to]);
  }

  /// The same for the sum over all layers.
  double totalGain(int shard, int from, int to) {
    return gain(shard, from, to, totalLoad[from], totalLoad[to]);
  }

  private double gain(int shard, int from, int to, long fromLoad, long toLoad) {
    long share = share(shard);
    return share * ((2.0 * fromLoad - share) / speed[from] - (2.0 * toLoad + share) / speed[to]);
  }

  /// The gain below which a shard is not worth loading: the loads differ by little more than the replica itself.
  double leastGain(int shard, int from, int to) {
    double share = share(shard);
    return share * share * (1 / speed[from] + 1 / speed[to]) / 10;
  }

  /// Time the layer would take on a node if it had one replica more of the shard.
  double layerTimeWith(int node, int shard) {
    return timeWith(layerLoad[layerOf[shard]][node], node, shard);
  }

  /// Time all layers together would take.
  double totalTimeWith(int node, int shard) {
    return timeWith(totalLoad[node], node, shard);
  }

  private double timeWith(long load, int node, int shard) {
    return (load + weight[shard] * FRACTIONS / (count[shard] + 1)) / speed[node];
  }

  /// Time the shard's layer takes on a node.
  double layerTime(int node, int shard) {
    return layerLoad[layerOf[shard]][node] / speed[node];
  }

  /// Time a layer would take if it were spread to perfection.
  double meanTime(int layer) {
    return Arrays.stream(layerLoad[layer]).sum() / Arrays.stream(speed).sum();
  }

  /// Time all layers together take on a node.
  double totalTime(int node) {
    return totalLoad[node] / speed[node];
  }

  /// A number drawn from shard and node, to decide between equals: two nodes should not hold the same shards in every
  /// layer, or the survivor would get all the load of the other.
  long draw(int node, int shard) {
    long seed = nodes.get(node).nodeId().hashCode() * 31L + shards.get(shard).layer();
    // The finalizer of SplitMix64: every bit of the seed reaches every bit of the number.
    long mixed = (seed * 1_000_003 + shards.get(shard).group()) * 0x9e3779b97f4a7c15L;
    mixed = (mixed ^ mixed >>> 30) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
    return mixed ^ mixed >>> 31;
  }

  /// How many replicas of the shard share the zone of a node, the node itself not counted.
  int zoneMates(int node, int shard) {
    int mates = 0;
    for (int n = 0; n < nodes(); n++) {
      mates += n != node && on[shard][n] && zoneOf[n] == zoneOf[node] ? 1 : 0;
    }
    return mates;
  }

  /// Whether the node could load the shard.
  boolean isInReach(int node, int shard) {
    return !nodes.get(node).outOfReach().contains(shards.get(shard));
  }

  /// Nodes that may take a replica of the shard.
  IntStream candidates(int shard) {
    return IntStream.range(0, nodes()).filter(node -> !on[shard][node] && hasRoom(node) && isInReach(node, shard));
  }

  /// Nodes that hold a replica of the shard.
  IntStream holders(int shard) {
    return IntStream.range(0, nodes()).filter(node -> on[shard][node]);
  }

  /// Whether a replica that moves comes to share a zone with more others than before.
  boolean crowdsZone(int shard, int from, int to) {
    int mates = zoneMates(to, shard) - (zoneOf[from] == zoneOf[to] ? 1 : 0);
    return mates > zoneMates(from, shard);
  }

  /// The shards that a node holds, ascending.
  List<ShardId> shardsOn(int node) {
    return select(shard -> on[shard][node]);
  }

  /// The shards for which a rule holds, ascending.
  List<ShardId> select(IntPredicate rule) {
    return IntStream.range(0, shards()).filter(rule).mapToObj(shards::get).toList();
  }
}
