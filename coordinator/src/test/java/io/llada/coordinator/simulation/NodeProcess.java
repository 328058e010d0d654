package io.llada.coordinator.simulation;

import io.grpc.Status;
import io.llada.cluster.Lease;
import io.llada.expertnode.ExpertNodeSettings;
import io.llada.expertnode.SteppedNode;
import io.llada.expertnode.SteppedNode.Plan;
import io.llada.model.config.ShardId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/// A machine that runs an expert node, life after life: the real inside, with work and loading that take virtual time.
final class NodeProcess {
  private static final long PING_NANOS = 500_000_000;
  private static final int MAX_LOAD_SLOWNESS = 8;
  private static final long DRAIN_NANOS = 100_000_000;
  private static final long LEASE_NANOS = 2_000_000_000L;

  private final Machine machine;
  private final World world;
  private final VirtualTime time;
  private final Deque<Runnable> deferred = new ArrayDeque<>();
  private final Deque<Loading> loadings = new ArrayDeque<>();
  private final List<CompletableFuture<?>> answering = new ArrayList<>();
  private Optional<SteppedNode> inside = Optional.empty();
  private long capacityBytes;
  private long loadedBytes;
  private long usedAt;
  private int life;
  private int slowness = 1;
  private boolean isFrozen;
  private boolean isWorking;
  private boolean isUnpowered;
  private boolean isLeaving;
  private boolean hasJoined;

  /// What does not change from life to life.
  ///
  /// @param queueCapacity dispatches that may wait
  /// @param computeNanos time of one dispatch
  /// @param loadNanos time to load one shard
  record Machine(String nodeId, String zone, String digest, int queueCapacity, int credits, long computeNanos,
      long loadNanos) {}

  private record Loading(Plan plan, CompletableFuture<Void> answer) {}

  NodeProcess(Machine machine, World world) {
    this.machine = machine;
    this.world = world;
    time = world.time();
    world.network().attach(this);
  }

  String id() {
    return machine.nodeId();
  }

  String endpoint() {
    return machine.nodeId() + ":9";
  }

  String digest() {
    return machine.digest();
  }

  String zone() {
    return machine.zone();
  }

  String incarnation() {
    return machine.nodeId() + "-life-" + life;
  }

  int life() {
    return life;
  }

  long capacityBytes() {
    return capacityBytes;
  }

  /// Memory of shards that are loaded and not freed yet.
  long loadedBytes() {
    return loadedBytes;
  }

  SteppedNode inside() {
    return inside.orElseThrow();
  }

  boolean isDead() {
    return inside.isEmpty();
  }

  boolean isUnpowered() {
    return isUnpowered;
  }

  boolean isFrozen() {
    return isFrozen;
  }

  boolean isLeaving() {
    return isLeaving;
  }

  /// Whether it was ever started.
  boolean hasJoined() {
    return hasJoined;
  }

  void start(long bytes) {
    life++;
    hasJoined = true;
    isUnpowered = false;
    isLeaving = false;
    isWorking = false;
    capacityBytes = bytes;
    loadedBytes = 0;
    loadings.clear();
    int thisLife = life;
    ExpertNodeSettings settings = new ExpertNodeSettings(id(), "simulated", 9, Optional.of(endpoint()), bytes, 64,
        machine.queueCapacity(), machine.credits(), machine.zone(), ExpertNodeSettings.DEFAULT_DRAIN_TIMEOUT,
        ExpertNodeSettings.Sources.NONE);
    inside = Optional.of(new SteppedNode(settings, incarnation(),
        SimulatedModel.forNodes(machine.digest(), () -> loadedBytes += SimulatedModel.SHARD_BYTES,
            () -> loadedBytes -= thisLife == life ? SimulatedModel.SHARD_BYTES : 0),
        time::now));
    repeat("pings", PING_NANOS, () -> unloading(inside()::ping));
    publishLease(0);
  }

  /// Does what may let go of shards, under the eyes of the invariants.
  private void unloading(Runnable action) {
    List<ShardId> before = inside().contents().shards();
    action.run();
    world.invariants().unloaded(this, before);
  }

  private void repeat(String what, long nanos, Runnable action) {
    int thisLife = life;
    inThisLife(nanos, what, () -> {
      action.run();
      if (thisLife == life) {
        repeat(what, nanos, action);
      }
    });
  }

  private void publishLease(long sequence) {
    world.registry().publish(new Lease(id(), incarnation(), endpoint(), Lease.Role.EXPERT_NODE, capacityBytes,
        SimulatedModel.numericsClass(), "simulated", machine.digest(),
        isLeaving ? Lease.State.DRAINING : Lease.State.READY, sequence + 1, List.of(), 0));
    inThisLife(LEASE_NANOS, "renews its lease", () -> publishLease(sequence + 1));
  }

  /// Has something happen later, unless the process has ended by then.
  private void inThisLife(long nanos, String what, Runnable action) {
    int thisLife = life;
    time.after(nanos, id(), what, () -> {
      if (thisLife == life) {
        deliver(what, action);
      }
    });
  }

  /// Does something now, or when a frozen process thaws; nothing when it has ended.
  void deliver(String what, Runnable action) {
    if (isFrozen) {
      int thisLife = life;
      deferred.add(() -> {
        if (thisLife == life) {
          action.run();
        }
      });
    } else if (!isDead()) {
      action.run();
    }
  }

  /// Starts on the next dispatch, unless one is being computed.
  void work() {
    if (!isWorking && !isDead()) {
      inside().nextWork().ifPresent(work -> {
        isWorking = true;
        inThisLife(machine.computeNanos() * slowness, "has computed", () -> {
          isWorking = false;
          work.run();
          work();
        });
      });
    }
  }

  void slowDown(int times) {
    slowness = times;
  }

  void freeze() {
    isFrozen = true;
  }

  void thaw() {
    isFrozen = false;
    while (!deferred.isEmpty() && !isFrozen) {
      deferred.poll().run();
    }
  }

  /// Ends the process.
  ///
  /// @param tells whether its machine still answers for it
  void crash(boolean tells) {
    if (isDead()) {
      return;
    }
    inside = Optional.empty();
    life++;
    isUnpowered = !tells;
    isFrozen = false;
    deferred.clear();
    loadings.clear();
    world.network().processEnded(endpoint(), tells);
    List<CompletableFuture<?>> lost = List.copyOf(answering);
    answering.clear();
    if (tells) {
      lost.forEach(call -> time.after(200_000, "network", "loses a call", () -> call.completeExceptionally(
          Status.UNAVAILABLE.withDescription("connection reset").asRuntimeException())));
    }
  }

  /// Announces that it leaves, and ends when nobody has used it for a while.
  void leave() {
    isLeaving = true;
    usedAt = time.now();
    repeat("looks who uses it", DRAIN_NANOS, () -> {
      usedAt = inside().isUnused() && !isWorking ? usedAt : time.now();
      if (time.now() - usedAt >= SteppedNode.UNUSED_AFTER.toNanos()) {
        crash(true);
      }
    });
  }

  /// A PREPARE: loads shard by shard; only one plan at a time.
  CompletableFuture<Void> prepare(Plan plan) {
    CompletableFuture<Void> answer = answering();
    if (isDone(answer, () -> inside().accept(plan))) {
      loadings.add(new Loading(plan, answer));
      if (loadings.size() == 1) {
        load();
      }
    }
    return answer;
  }

  private void load() {
    Loading loading = loadings.peek();
    List<ShardId> missing = new ArrayList<>();
    boolean isAdmitted = isDone(loading.answer, () -> missing.addAll(inside().admit(loading.plan)));
    time.note(id(), () -> "admits epoch %d of %s: %s".formatted(loading.plan.epoch(), loading.plan.plannerId(),
        isAdmitted ? missing : "not"));
    loadNext(loading, isAdmitted ? new ArrayDeque<>(missing) : new ArrayDeque<>());
  }

  private void loadNext(Loading loading, Deque<ShardId> missing) {
    if (missing.isEmpty()) {
      loading.answer.complete(null);
      loadings.poll();
      if (!loadings.isEmpty()) {
        load();
      }
      return;
    }
    inThisLife(machine.loadNanos() * Math.min(slowness, MAX_LOAD_SLOWNESS), "has loaded a shard", () -> {
      boolean isLoaded = isDone(loading.answer, () -> inside().load(loading.plan, missing.peek()));
      missing.poll();
      loadNext(loading, isLoaded ? missing : new ArrayDeque<>());
    });
  }

  CompletableFuture<Void> activate(Plan plan, String coordinatorId) {
    return answered(() -> {
      inside().activate(plan, coordinatorId);
      unloading(() -> world.parts().afterActivate().accept(inside()));
    });
  }

  CompletableFuture<Void> release(Plan plan) {
    return answered(() -> inside().release(plan));
  }

  private CompletableFuture<Void> answered(Runnable action) {
    CompletableFuture<Void> answer = answering();
    if (isDone(answer, action)) {
      answer.complete(null);
    }
    return answer;
  }

  private CompletableFuture<Void> answering() {
    CompletableFuture<Void> answer = new CompletableFuture<>();
    answering.add(answer);
    answer.whenComplete((done, failure) -> answering.remove(answer));
    return answer;
  }

  /// Does something; a refusal goes into the answer.
  private static boolean isDone(CompletableFuture<Void> answer, Runnable action) {
    try {
      action.run();
      return true;
    } catch (RuntimeException e) {
      answer.completeExceptionally(SteppedNode.status(e).asRuntimeException());
      return false;
    }
  }
}
