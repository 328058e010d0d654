package io.llada.coordinator.simulation;

import java.util.List;
import java.util.Random;

/// What goes wrong, and when: drawn before the run, from the seed.
final class Faults {
  private static final long MILLI = 1_000_000;
  private static final int FIRST_MILLIS = 1_500;
  private static final int LAST_MILLIS = 10_000;
  private static final int MAX_FAULTS = 7;
  private static final String WHO = "faults";

  private final SimulatedCluster cluster;
  private final Random random;

  Faults(SimulatedCluster cluster, Random random) {
    this.cluster = cluster;
    this.random = random;
  }

  /// Schedules all faults.
  ///
  /// @return virtual nanoseconds at which they end
  long plan() {
    int count = random.nextInt(MAX_FAULTS + 1);
    for (int fault = 0; fault < count; fault++) {
      int at = FIRST_MILLIS + random.nextInt(LAST_MILLIS - FIRST_MILLIS);
      int millis = random.nextBoolean() ? 50 + random.nextInt(1_000) : 500 + random.nextInt(6_500);
      plan(at * MILLI, millis * MILLI);
    }
    return (LAST_MILLIS + 500 + random.nextInt(2_000)) * MILLI;
  }

  private void plan(long at, long nanos) {
    NodeProcess node = pick(cluster.nodes());
    CoordinatorProcess coordinator = pick(cluster.coordinators());
    SimulatedNetwork.Path path = cluster.network().path(coordinator.id(), node.endpoint());
    switch (random.nextInt(14)) {
      case 0, 1 -> crash(at, nanos, node, true);
      case 2 -> crash(at, nanos, node, false);
      case 3 -> during(at, nanos, "freeze " + node.id(), node::freeze, node::thaw);
      case 4 -> cut(at, nanos, path, random.nextInt(3));
      case 5 -> cluster.nodes().forEach(
          each -> cut(at, nanos, cluster.network().path(coordinator.id(), each.endpoint()), 2));
      case 6 -> then(at, "reset " + path.coordinator() + " " + path.endpoint(), path::reset);
      case 7 -> slow(at, nanos, node);
      case 8 -> during(at, nanos, "delays " + path.endpoint(), () -> path.slowDown(30 * MILLI), path::heal);
      case 9 -> then(at, "corrupt answers of " + path.endpoint(), () -> path.corrupt(1 + random.nextInt(3)));
      case 10 -> during(at, nanos, "registry away", random.nextBoolean()
          ? cluster.registry()::leave
          : cluster.registry()::freezeView, cluster.registry()::heal);
      case 11 -> then(at, "join", this::join);
      case 12 -> leave(at, node);
      default -> restartCoordinator(at, nanos, coordinator);
    }
  }

  private <T> T pick(List<T> from) {
    return from.get(random.nextInt(from.size()));
  }

  private void then(long at, String what, Runnable fault) {
    cluster.time().after(at - cluster.time().now(), WHO, what, fault);
  }

  private void during(long at, long nanos, String what, Runnable fault, Runnable end) {
    then(at, what, fault);
    then(at + nanos, "end of " + what, end);
  }

  private void crash(long at, long nanos, NodeProcess node, boolean tells) {
    long capacity = random.nextInt(5) == 0 ? 2 * SimulatedModel.SHARD_BYTES : cluster.capacityBytes();
    during(at, nanos, (tells ? "crash " : "power loss ") + node.id(), () -> node.crash(tells),
        () -> restart(node, capacity));
  }

  private void restart(NodeProcess node, long capacity) {
    if (node.isDead() && node.hasJoined()) {
      node.start(capacity);
    }
  }

  private void cut(long at, long nanos, SimulatedNetwork.Path path, int direction) {
    during(at, nanos, "cut " + path.coordinator() + " " + path.endpoint() + " " + direction,
        () -> path.cut(direction != 1, direction != 0), path::heal);
  }

  private void slow(long at, long nanos, NodeProcess node) {
    int times = 5 + random.nextInt(150);
    during(at, nanos, "slow " + node.id(), () -> node.slowDown(times), () -> node.slowDown(1));
  }

  private void join() {
    cluster.nodes().stream().filter(node -> !node.hasJoined()).reduce((a, b) -> b)
        .ifPresent(node -> node.start(cluster.capacityBytes()));
  }

  /// A node that says that it leaves, goes when it has been drained, and does not come back.
  private void leave(long at, NodeProcess node) {
    then(at, "drain " + node.id(), () -> {
      if (!node.isDead() && !node.isFrozen() && cluster.isEnough(remaining() - 1)) {
        node.leave();
      }
    });
  }

  private long remaining() {
    return cluster.nodes().stream().filter(node -> node.hasJoined() && !node.isLeaving()
        && node.digest().equals(SimulatedModel.DIGEST)).count();
  }

  private void restartCoordinator(long at, long nanos, CoordinatorProcess coordinator) {
    during(at, nanos, "crash " + coordinator.id(), coordinator::crash, () -> {
      if (coordinator.isDead()) {
        coordinator.start(1 + random.nextInt(2));
      }
    });
  }

  /// Ends whatever is still wrong.
  void heal() {
    cluster.registry().heal();
    cluster.network().paths().forEach(SimulatedNetwork.Path::heal);
    for (NodeProcess node : cluster.nodes()) {
      node.slowDown(1);
      node.thaw();
      if (!node.isLeaving() && node.hasJoined() && (node.isDead() || node.capacityBytes() < cluster.capacityBytes())) {
        node.crash(true);
        node.start(cluster.capacityBytes());
      }
    }
    for (CoordinatorProcess coordinator : cluster.coordinators()) {
      if (coordinator.isDead()) {
        coordinator.start(1);
      }
    }
  }
}
